// The service as a process of its own, for the demonstration: started as a user would, its log in a file.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type ChildFiles = { configFile: string; secretsFile: string; logFile: string };

export type ChildService = {
  /** What it printed after `listening`. */
  url: string;
  ended: Promise<unknown>;
  hasEnded(): boolean;
  lastLines(): Promise<string>;
  stop(): Promise<void>;
};

/** Rejects with the log's end when the service ends before it listens. */
export async function startChild(files: ChildFiles, extraEnv: Record<string, string>): Promise<ChildService> {
  const log = await open(files.logFile, "a", 0o600);
  const program = fileURLToPath(new URL("./start.ts", import.meta.url));
  const args = [
    ...process.execArgv,
    program,
    "--config",
    files.configFile,
    "--secrets",
    files.secretsFile,
    "--port",
    "0",
  ];
  // Detached: a Ctrl-C reaches the demonstration only, which then stops the service. The channel tells the service
  // when the demonstration is gone without having done so.
  const child = spawn(process.execPath, args, {
    detached: true,
    env: { ...process.env, ...extraEnv },
    stdio: ["ignore", "pipe", log.fd, "ipc"],
  });
  const output = child.stdout;
  if (output === null) throw new Error("the service has no output");
  const ended = once(child, "close");
  const lastLines = async () => (await readFile(files.logFile, "utf8")).split("\n").slice(-12).join("\n");
  const url = await new Promise<string | undefined>((resolve) => {
    const lines = createInterface({ input: output });
    lines.on("line", (line) => {
      const found = /^listening (\S+)$/.exec(line)?.[1];
      if (found) resolve(found);
      else void log.write(`${line}\n`);
    });
    ended.finally(() => resolve(undefined)).catch(() => {});
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  if (url === undefined) {
    await log.close();
    throw new Error(`the service did not start:\n${await lastLines()}`);
  }
  return {
    url,
    ended,
    hasEnded,
    lastLines,
    stop: async () => {
      if (!hasEnded()) child.kill("SIGTERM");
      await ended;
      await log.close();
    },
  };
}
