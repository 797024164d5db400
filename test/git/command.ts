// Runs the operator's command as a child process with an environment of its own, as a person would.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect } from "vitest";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Reads the peak at the very end, in the child itself: a parent's poll could miss it. */
const WATCH_MEMORY = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync, writeFileSync } from "node:fs";
  process.on("exit", () => writeFileSync(process.env.TEST_STATUS_FILE, readFileSync("/proc/self/status")));
`)}`;

export type CommandRun = {
  code: number;
  stdout: string;
  stderr: string;
  /** The one JSON document that stdout holds; throws when it holds anything else. */
  json(): Record<string, unknown>;
  /** Peak resident memory, with `watchMemory`. */
  peakMegabytes: number;
};

export async function gerritMirror(
  words: readonly string[],
  options: { env?: Readonly<Record<string, string>>; watchMemory?: boolean; cwd?: string } = {},
): Promise<CommandRun> {
  await using folder = await makeTemporaryFolder();
  const statusFile = join(folder.path, "status");
  const watch = options.watchMemory === true ? ["--import", WATCH_MEMORY] : [];
  const env = { PATH: process.env.PATH ?? "", TEST_STATUS_FILE: statusFile, ...options.env };
  const child = spawn(process.execPath, [...watch, join(ROOT, "bin/gerrit-mirror.ts"), ...words], {
    cwd: options.cwd ?? folder.path,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed: Promise<unknown[]> = once(child, "close");
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  const status = options.watchMemory === true ? await readFile(statusFile, "utf8") : "";
  return {
    code: typeof code === "number" ? code : -1,
    stdout,
    stderr,
    json: () => JSON.parse(stdout) as Record<string, unknown>,
    peakMegabytes: Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024,
  };
}

/** Fails when a text shows the tests' secret, plain or as a header carries it. */
export function expectNoSecret(text: string): void {
  expect(text).not.toMatch(/s3cret/);
  for (const value of ["robot:s3cret/w@rd", "robot:s3cret"])
    expect(text).not.toContain(Buffer.from(value).toString("base64").slice(0, 10));
}
