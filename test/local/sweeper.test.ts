// When the sweep runs on one machine.
import type { Context } from "aws-lambda";
import { afterEach, describe, expect, test } from "vitest";
import { makeSweeper, type Sweeper } from "../../local/sweeper.ts";

type Run = { event: unknown; context: Context; end(): void; fail(error: Error): void };

let sweeper: Sweeper | undefined;

afterEach(() => sweeper?.stop(0));

describe("the sweeper", () => {
  test("sweeps all lanes at the start, and one lane when an operator asks, one after the other", async () => {
    const { runs } = start();
    await started(runs, 1);
    const asked = sweeper?.sweep("one");
    const next = sweeper?.sweep(undefined);
    await settle();
    expect(runs.map(({ event }) => event)).toEqual([{}]);
    runs[0]?.end();
    await started(runs, 2);
    expect(runs[1]?.event).toEqual({ mirror: "one" });
    runs[1]?.end();
    expect(await asked).toBe("swept");
    await started(runs, 3);
    runs[2]?.end();
    expect(await next).toBe("swept");
  });

  test("says that a sweep failed, and goes on", async () => {
    const { runs, logged } = start();
    await started(runs, 1);
    runs[0]?.fail(new Error("broken"));
    const asked = sweeper?.sweep(undefined);
    await started(runs, 2);
    runs[1]?.fail(new Error("broken again"));
    await expect(asked).rejects.toThrow("broken again");
    expect(logged).toEqual(["sweep failed"]);
  });

  test("tells the running sweep that its time is over, waits for it, and starts no other", async () => {
    const { runs } = start();
    await started(runs, 1);
    expect(runs[0]?.context.getRemainingTimeInMillis()).toBeGreaterThan(890_000);
    const asked = sweeper?.sweep("one");
    const stopped = sweeper?.stop(10_000);
    expect(runs[0]?.context.getRemainingTimeInMillis()).toBe(0);
    runs[0]?.end();
    await stopped;
    await expect(asked).rejects.toThrow(/aborted/);
    expect(runs).toHaveLength(1);
  });
});

function start(): { runs: Run[]; logged: string[] } {
  const runs: Run[] = [];
  const logged: string[] = [];
  sweeper = makeSweeper({
    minutes: 10,
    log: (_level, message) => logged.push(message),
    handler: (event, context) =>
      new Promise((resolve, reject) => {
        runs.push({ event, context, end: () => resolve("swept"), fail: reject });
      }),
  });
  sweeper.begin();
  return { runs, logged };
}

/** All promises that can settle without a timer or I/O have settled. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function started(runs: Run[], count: number): Promise<void> {
  await settle();
  expect(runs).toHaveLength(count);
}
