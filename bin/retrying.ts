// Tries again what can heal, for as long as --retry-seconds says.
import { setTimeout as delay } from "node:timers/promises";
import { type ErrorCode, retryOf } from "../src/errors.ts";
import { printable } from "./format.ts";

/** Delays between attempts: a person waits, so they begin shorter than the service's. */
const RETRY_SECONDS = [1, 2, 5, 10];

export type Attempt<Result> = {
  result: Result;
  error?: { code: ErrorCode; message: string; retryAfterSeconds?: number };
};

/** The last attempt's result. Says on stderr what failed and when the next attempt begins. */
export async function retrying<Result>(seconds: number, attempt: () => Promise<Attempt<Result>>): Promise<Result> {
  const until = Date.now() + seconds * 1000;
  for (let count = 0; ; count++) {
    const { result, error } = await attempt();
    const wait =
      error === undefined || retryOf(error.code) !== "heals" ? undefined : waitOf(error.retryAfterSeconds, count);
    if (error === undefined || wait === undefined || Date.now() + wait * 1000 > until) return result;
    process.stderr.write(`${printable(error.message)}\ntrying again in ${wait} s\n`);
    await delay(wait * 1000);
  }
}

/** A `Retry-After: 0` is no invitation to hammer. */
function waitOf(retryAfterSeconds: number | undefined, count: number): number {
  return retryAfterSeconds || (RETRY_SECONDS[Math.min(count, RETRY_SECONDS.length - 1)] ?? 10);
}
