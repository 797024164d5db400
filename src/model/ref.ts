// A full ref name, kept as bytes: a latin1 string in which each character is one byte of the wire.
import { MirrorError } from "../errors.ts";

declare const brand: unique symbol;
export type RefName = string & { readonly [brand]: "RefName" };

/** Longest ref name in bytes: a pkt-line holds 65,516 and a receive-pack command spends 82 on two oids and spaces. */
export const REF_BYTES_MAX = 4096;

// git-check-ref-format: no control, space, ~ ^ : ? * [ \ and no "..", "@{", "//", ".lock" or dot at a component's edge.
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule itself forbids control characters
const FORBIDDEN = /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[./]$/;

/** Whether a latin1 string is a full ref name as `git check-ref-format` defines it, below `refs/`. */
export function isRefName(name: string): name is RefName {
  return name.startsWith("refs/") && name.length > 5 && name.length <= REF_BYTES_MAX && !FORBIDDEN.test(name);
}

/** Throws `malformed-answer`. */
export function parseRefName(name: string): RefName {
  if (isRefName(name)) return name;
  throw new MirrorError("malformed-answer", `"${displayRef(name).slice(0, 200)}" is no full ref name.`);
}

/** Text (from JSON, a flag or a configuration) to the wire's bytes: UTF-8, as Git and JGit write it. */
export function refBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** For people and JSON: the bytes as UTF-8 where they are that, else each byte as its latin1 character. */
export function displayRef(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the fast path is exactly the ASCII range
  if (/^[\x00-\x7f]*$/.test(name)) return name;
  try {
    return utf8.decode(Buffer.from(name, "latin1"));
  } catch {
    return name;
  }
}
