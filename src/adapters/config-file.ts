// Reads the configuration file.
import { readFile } from "node:fs/promises";
import { type Config, parseConfig } from "../config.ts";
import { MirrorError } from "../errors.ts";

/** Throws `invalid-configuration`. */
export async function readConfigFile(path: string): Promise<Config> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MirrorError("invalid-configuration", `The configuration file "${path}" cannot be read: ${reason}.`, {
      remedy: "Name it with --config FILE; mirror.config.example.json shows one.",
      cause: error,
    });
  }
  return parseConfig(text);
}
