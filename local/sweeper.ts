// The sweep on one machine: at the start, then on its timer, and when an operator asks; never two at once.
import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "aws-lambda";
import type { Log } from "../src/ports.ts";
import { localContext } from "./context.ts";

export type SweepHandler = (event: unknown, context: Context) => Promise<unknown>;

export type Sweeper = {
  /** Begins the sweeps of the timer, the first one as soon as the caller's own next step is done. */
  begin(): void;
  /** Waits for the one that runs, then sweeps all lanes or one; resolves with the handler's summary. */
  sweep(mirror: string | undefined): Promise<unknown>;
  /** Tells the running sweep that its time is over, starts no other, and waits that long for it. */
  stop(milliseconds: number): Promise<void>;
};

/** Lambda's longest run. */
const SWEEP_TIMEOUT_MS = 900_000;

export function makeSweeper(options: { handler: SweepHandler; minutes: number; log: Log }): Sweeper {
  const stopping = new AbortController();
  const { signal } = stopping;
  let last: Promise<unknown> = Promise.resolve();
  const sweep = (mirror: string | undefined): Promise<unknown> => {
    const run = last.then(() => {
      signal.throwIfAborted();
      const event = mirror === undefined ? {} : { mirror };
      return options.handler(event, localContext("gerrit-mirror-sweep", SWEEP_TIMEOUT_MS, signal));
    });
    last = run.catch(() => {});
    return run;
  };
  return {
    begin: () => {
      setImmediate(() => sweepForEver(sweep, options, signal));
    },
    sweep,
    stop: async (milliseconds) => {
      stopping.abort();
      const waited = new AbortController();
      await Promise.race([last, delay(milliseconds, undefined, { signal: waited.signal }).catch(() => {})]);
      waited.abort();
    },
  };
}

async function sweepForEver(
  sweep: Sweeper["sweep"],
  { minutes, log }: { minutes: number; log: Log },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sweep(undefined).catch((error: unknown) => {
      if (!signal.aborted) log("error", "sweep failed", { error });
    });
    await delay(minutes * 60_000, undefined, { signal }).catch(() => {});
  }
}
