// Runs the real git with a configuration, identity and dates of its own, so that results never depend on the machine.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export type GitOptions = {
  cwd?: string;
  input?: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  env?: Readonly<Record<string, string>>;
};

export type GitResult = { code: number; stdout: Buffer; stderr: string };

/** Seconds since the epoch of every commit and tag: 2024-01-01T00:00:00Z. */
export const FIXED_TIME = 1_704_067_200;
export const IDENTITY = "Mirror Test <test@example.com>";

/** The only environment git sees: no configuration of the machine or the user, no proxy, no prompt, no home. */
export const GIT_ENV: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Mirror Test",
  GIT_AUTHOR_EMAIL: "test@example.com",
  GIT_AUTHOR_DATE: `${FIXED_TIME} +0000`,
  GIT_COMMITTER_NAME: "Mirror Test",
  GIT_COMMITTER_EMAIL: "test@example.com",
  GIT_COMMITTER_DATE: `${FIXED_TIME} +0000`,
  ...configEnv({ "gc.auto": "0", "maintenance.auto": "false", "init.defaultBranch": "main", "core.fsync": "none" }),
};

/** Configuration as environment variables; replaces what the environment carried before. */
export function configEnv(config: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(config);
  const variables = entries.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_COUNT: String(entries.length),
    ...Object.fromEntries(variables),
  };
}

/** What git printed; throws with its complaint when it fails. */
export async function git(args: readonly string[], options: GitOptions = {}): Promise<Buffer> {
  const { code, stdout, stderr } = await tryGit(args, options);
  if (code !== 0) throw new Error(`git ${args.join(" ").slice(0, 200)} ended with ${code}: ${stderr.trim()}`);
  return stdout;
}

/** Like `git`, but a failure is a result (a code of -1 means ended by a signal). */
export async function tryGit(args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
  const child = spawn("git", args, { cwd: options.cwd, env: { ...GIT_ENV, ...options.env }, stdio: "pipe" });
  const closed: Promise<unknown[]> = once(child, "close");
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  const input = options.input ?? new Uint8Array();
  // A git that ends early closes its input: its exit code and stderr say more than EPIPE does.
  await pipeline(Readable.from(input instanceof Uint8Array ? [input] : input, { objectMode: true }), child.stdin).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
    },
  );
  const [code] = await closed;
  return {
    code: typeof code === "number" ? code : -1,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString("utf8"),
  };
}
