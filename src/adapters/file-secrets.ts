// The Secrets port on a JSON file of one machine, read again when it changes.
import { open } from "node:fs/promises";
import { MirrorError } from "../errors.ts";
import { Secret } from "../model/secret.ts";
import type { Secrets } from "../ports.ts";

/** Bits of a file's mode that let its group or others read, write or execute it. */
const NOT_OWNER = 0o077;

type Loaded = { stamp: string; entries: Readonly<Record<string, unknown>> };

/** The file: `{"NAME": "text" | {an object, whose JSON is the text} | [current, previous]}`, readable by its owner only. */
export class FileSecrets implements Secrets {
  readonly #file: string;
  #loaded: Loaded | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  async read(name: string, options: { fresh?: boolean } = {}): Promise<Secret[]> {
    this.#loaded = await load(this.#file, options.fresh === true ? undefined : this.#loaded);
    const { entries } = this.#loaded;
    if (!Object.hasOwn(entries, name)) {
      throw new MirrorError("invalid-secret", `There is no secret "${name}" in the file ${this.#file}.`, {
        remedy: `Add an entry "${name}" to that file.`,
      });
    }
    const value = entries[name];
    const values: unknown[] = Array.isArray(value) ? value : [value];
    const texts = values.map(textOf).filter((text) => text !== undefined);
    if (texts.length < values.length || texts.length === 0 || texts.length > 2) {
      throw new MirrorError(
        "invalid-secret",
        `The secret "${name}" in the file ${this.#file} must be a text, an object, or an array [current, previous] of these; it is something else or empty.`,
      );
    }
    return texts.map((text) => new Secret(text));
  }
}

/** What is loaded already, if the file is still the same. Its mode is checked each time. */
async function load(file: string, loaded: Loaded | undefined): Promise<Loaded> {
  try {
    await using handle = await open(file, "r");
    const { mode, mtimeMs, size, ino } = await handle.stat();
    if ((mode & NOT_OWNER) !== 0) throw tooOpen(file, mode);
    const stamp = `${mtimeMs} ${size} ${ino}`;
    if (loaded?.stamp === stamp) return loaded;
    return { stamp, entries: parse(file, await handle.readFile("utf8")) };
  } catch (error) {
    if (error instanceof MirrorError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new MirrorError("invalid-secret", `The secrets file ${file} cannot be read: ${reason}.`, {
      remedy: "Write the file, or name another one.",
      cause: error,
    });
  }
}

function tooOpen(file: string, mode: number): MirrorError {
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  return new MirrorError(
    "invalid-secret",
    `The secrets file ${file} has mode ${shown}: others than its owner can read it.`,
    { remedy: `Run: chmod 600 '${file.replaceAll("'", "'\\''")}'` },
  );
}

function parse(file: string, text: string): Loaded["entries"] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The parser's message quotes the file, so only the place in it is shown, and the error is no cause of ours.
    const place = /line \d+ column \d+/.exec(String(error))?.[0];
    throw notJson(file, place === undefined ? "" : ` (${place})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw notJson(file, "");
  return value as Loaded["entries"];
}

function notJson(file: string, place: string): MirrorError {
  return new MirrorError("invalid-secret", `The secrets file ${file} is no JSON object${place}.`, {
    remedy: 'Write it as {"NAME": {"username": "...", "password": "..."}, "OTHER": "text"}.',
  });
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? JSON.stringify(value) : undefined;
}
