// A small right configuration file for tests to break, and what parsing says of it.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${name} is the placeholder of the file itself
import { parseConfig } from "../src/config.ts";
import { MirrorError } from "../src/errors.ts";

export type Json = Record<string, unknown>;

export const mirror = (fields: Json = {}): Json => ({
  host: "git",
  url: "https://mirror.example/${name}.git",
  ...fields,
});

export const file = (fields: Json = {}): Json => ({
  source: { url: "https://gerrit.example" },
  repositories: ["*"],
  mirrors: { backup: mirror() },
  ...fields,
});

export const parse = (fields: Json = {}) => parseConfig(JSON.stringify(file(fields)));

export function first<T>(values: readonly T[]): T {
  const [value] = values;
  if (value === undefined) throw new Error("expected at least one");
  return value;
}

export function refusal(text: string): MirrorError {
  try {
    parseConfig(text);
  } catch (error) {
    if (error instanceof MirrorError) return error;
    throw error;
  }
  throw new Error("the configuration was accepted");
}

/** The lines of the message after its first. */
export const linesFor = (value: unknown) => refusal(JSON.stringify(value)).message.split("\n").slice(1);
