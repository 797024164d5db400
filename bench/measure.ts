// Runs a command and says how long it took as a whole process, or how much memory it held at most; medians and ratios.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

export type Command = { file: string; args: readonly string[]; env: Readonly<Record<string, string>> };

/** Milliseconds of runs of ours and of the native git, pair by pair. */
export type Pairs = { ours: number[]; native: number[] };

export type Spread = { median: number; min: number; max: number };

/** From the spawn to the exit, the runtime's own start included. Throws with what the command printed when it fails. */
export async function timeCommands(commands: readonly Command[]): Promise<number> {
  const begun = performance.now();
  for (const command of commands) await runCommand(command);
  return performance.now() - begun;
}

/** Peak resident memory in MB (10^6 bytes), as the kernel counts it (VmHWM of Linux). */
export async function peakMegabytes(command: Command): Promise<number> {
  let peak = 0;
  await runCommand(command, (pid) => {
    // The mark only rises, so that the last reading before the exit is the peak but for the last milliseconds.
    const timer = setInterval(() => {
      peak = Math.max(peak, readPeak(pid));
    }, 3);
    return () => clearInterval(timer);
  });
  return peak;
}

/** 0 when the process has ended. */
export function readPeak(pid: number): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "0";
    return (Number(kilobytes) * 1024) / 1e6;
  } catch {
    return 0;
  }
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** The ratio of the medians; the least and the greatest of the pairs' own ratios. */
export function ratioOf({ ours, native }: Pairs): Spread {
  const each = spreadOf(ours.map((value, index) => value / (native[index] ?? Number.NaN)));
  return { ...each, median: spreadOf(ours).median / spreadOf(native).median };
}

async function runCommand(command: Command, watch?: (pid: number) => () => void): Promise<void> {
  const { file, args, env } = command;
  const child = spawn(file, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const exited: Promise<unknown[]> = once(child, "exit");
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed = (printed + text).slice(-4_000);
    });
  }
  const stop = child.pid === undefined ? undefined : watch?.(child.pid);
  const [code] = await exited;
  stop?.();
  if (code !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${String(code)}: ${printed}`);
}
