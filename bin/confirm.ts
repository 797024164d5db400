// Asks before something is written: on a terminal a question, elsewhere only --yes counts.
import { createInterface } from "node:readline/promises";

export type Answer = "yes" | "no" | "not asked";

export type Terminal = { input: NodeJS.ReadableStream; output: NodeJS.WritableStream };

/** `terminal` is absent where nobody can be asked. */
export async function confirm(
  question: string,
  flags: { yes: boolean },
  terminal: Terminal | undefined,
): Promise<Answer> {
  if (flags.yes) return "yes";
  if (terminal === undefined) return "not asked";
  const lines = createInterface(terminal);
  try {
    // A closed input answers nothing at all.
    const closed = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    const text = await Promise.race([lines.question(`${question} [y/N] `), closed]);
    return /^y(?:es)?$/i.test(text.trim()) ? "yes" : "no";
  } finally {
    lines.close();
  }
}

/** Of this process, unless its output is for a program. */
export function processTerminal(flags: { json: boolean }): Terminal | undefined {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true && !flags.json;
  return isTerminal ? { input: process.stdin, output: process.stdout } : undefined;
}
