// Name patterns as Gerrit's administrators know them from replication.config: exact, `prefix*` and `^regex`.
import { MirrorError } from "../errors.ts";

export type Pattern = {
  text: string;
  /** All names that match begin with it ("" for a regular expression that says nothing of it). */
  prefix: string;
  matches(name: string): boolean;
};

/** A `^regex` is searched from the name's start and need not reach its end (`^experimental/`). Throws `invalid-configuration`. */
export function parsePattern(text: string): Pattern {
  if (text === "") throw new MirrorError("invalid-configuration", "A pattern cannot be empty.");
  if (text.startsWith("^")) {
    const regex = compile(text);
    return { text, prefix: literalPrefix(text), matches: (name) => regex.test(name) };
  }
  if (text.endsWith("*")) {
    const prefix = text.slice(0, -1);
    return { text, prefix, matches: (name) => name.startsWith(prefix) };
  }
  return { text, prefix: text, matches: (name) => name === text };
}

function compile(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new MirrorError("invalid-configuration", `The pattern ${JSON.stringify(text)} is no regular expression.`, {
      cause: error,
      remedy: "Write an exact name, a prefix ending in `*`, or a regular expression beginning with `^`.",
    });
  }
}

/** The letters that every match of an anchored expression without alternatives at its top must begin with. */
function literalPrefix(text: string): string {
  if (text.includes("|")) return "";
  const literal = /^\^([A-Za-z0-9_/-]*)/.exec(text)?.[1] ?? "";
  const quantified = /[?*{]/.test(text.charAt(literal.length + 1));
  return quantified ? literal.slice(0, -1) : literal;
}
