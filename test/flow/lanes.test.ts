// A lane that is down waits, probes and comes back by itself, and delays nobody else.
import { expect, test } from "vitest";
import { METRICS } from "../../src/contract.ts";
import type { Job } from "../../src/model/job.ts";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import { type ServiceWorld, startServiceWorld } from "../support/service-world.ts";

const NAMES = ["r1", "r2", "r3", "r4", "r5", "r6", "r7"];

const job = (repository: string, mirror: string): Job => ({
  mirror: mirror as MirrorName,
  repository: repository as RepositoryName,
  cause: "manual",
});

test.each([["main"], ["source"]])(
  "five repositories in a row that %s refuses bring the lane down, once; it comes back by itself",
  async (side) => {
    await using world = await startServiceWorld();
    for (const name of NAMES) await world.addRepository(name);
    const { rules } = world.servers.side(side);
    rules.push({ on: () => true, fault: { kind: "reset" }, times: Infinity });
    for (const name of NAMES) await world.lane().send(job(name, "main"));
    for (let count = 0; count < 7; count++) expect(await world.lane().step()).toBe("later");
    expect(await world.laneStatus()).toMatchObject({ state: "down", error: { code: "unreachable" } });
    // The two that came last waited without a request or an attempt, as did the one that brought it down.
    expect(world.postponed.map(({ seconds }) => seconds)).toEqual([5, 5, 5, 5, 60, 60, 60]);
    expect(await attempts(world)).toEqual([1, 1, 1, 1, 0, 0, 0]);

    world.servers.forget();
    for (let count = 0; count < 14; count++) expect(await world.lane().step()).toBe("later");
    expect(world.servers.requests(side)).toEqual([]);
    for (const minute of [1, 2]) {
      world.advance(61_000);
      world.servers.forget();
      for (let count = 0; count < 7; count++) expect(await world.lane().step()).toBe("later");
      expect([minute, world.logged("job").at(-1)?.fields.end]).toEqual([minute, "waits for the lane"]);
      const asked = new Set(world.servers.requests(side).map(({ path }) => path.split("/")[1]));
      expect([minute, asked.size]).toEqual([minute, 1]);
    }
    expect(await attempts(world)).toEqual([1, 1, 1, 1, 0, 0, 0]);
    expect(world.logged("lane down")).toHaveLength(1);
    expect(world.count(METRICS.laneDown, "main")).toBe(1);

    rules.length = 0;
    world.advance(61_000);
    await world.lane().drain();
    expect(world.logged("lane up")).toHaveLength(1);
    expect(await world.laneStatus()).toMatchObject({ state: "up", failing: [] });
    for (const name of NAMES) expect([name, await world.isEqual(name)]).toEqual([name, true]);
    expect(await world.lane().deadLetters()).toEqual([]);
  },
);

test("a job that a later read covers does not use up the probe of a lane that is down", async () => {
  await using world = await startServiceWorld();
  for (const name of NAMES) await world.addRepository(name);
  await world.post(await world.pushToSource("r7"));
  await world.post(await world.pushToSource("r7"));
  world.advance(3_000);
  expect(await world.lane().step()).toBe("done");
  const covered = await world.lane().receive();
  await bringDown(world);
  world.advance(61_000);
  world.servers.forget();
  if (covered === undefined) throw new Error("the second job of r7 is not there");
  expect(await world.lane().deliver(covered)).toBe("done");
  for (let count = 0; count < 6; count++) expect(await world.lane().step()).toBe("later");
  expect(world.count(METRICS.jobsCovered)).toBe(1);
  expect(world.servers.requests("main").some(({ path }) => /^\/r[1-6]\//.test(path))).toBe(true);
});

test("a lane that is down and has no job left is found by the sweep when it answers again", async () => {
  await using world = await startServiceWorld();
  for (const name of NAMES) await world.addRepository(name);
  await bringDown(world);
  // The queue is gone, as after four days or with the process that held it.
  for (let record = await world.lane().receive(); record !== undefined; record = await world.lane().receive()) {
    await world.lane().remove(record);
  }
  expect((await world.sweep()).skippedLanes).toMatchObject([{ mirror: "main", reason: "the lane is down" }]);
  world.advance(3_600_000);
  const failed = await world.sweep();
  expect(failed.skippedLanes).toMatchObject([{ mirror: "main", reason: expect.stringContaining("5 reads in a row") }]);
  expect((await world.laneStatus())?.state).toBe("down");
  world.servers.side("main").rules.length = 0;
  expect((await world.sweep()).enqueued).toHaveLength(NAMES.length);
  await world.lane().drain();
  expect((await world.laneStatus())?.state).toBe("up");
  for (const name of NAMES) expect([name, await world.isEqual(name)]).toEqual([name, true]);
});

test("a mirror that hangs delays no other lane", async () => {
  await using world = await startServiceWorld({ lanes: ["main", "slow"] });
  await world.addRepository("tools");
  const held: { destroy(): void }[] = [];
  const { hooks } = world.servers.side("slow");
  hooks.push(() => ({ answer: ({ response }) => void held.push(response) }));
  world.startWorkers();
  const started = performance.now();
  await world.post(await world.pushToSource("tools"));
  await expect.poll(() => world.isEqual("tools", "main"), { timeout: 10_000, interval: 20 }).toBe(true);
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(world.servers.requests("slow").length).toBeGreaterThan(0);
  expect(await world.isEqual("tools", "slow")).toBe(false);
  hooks.length = 0;
  for (const response of held) response.destroy();
  await world.settle();
  expect(await world.isEqual("tools", "slow")).toBe(true);
});

/** Jobs of r1 to r6 wait in the queue afterwards. */
async function bringDown(world: ServiceWorld): Promise<void> {
  world.servers.side("main").rules.push({ on: () => true, fault: { kind: "reset" }, times: Infinity });
  const names = NAMES.slice(0, 6);
  for (const name of names) await world.lane().send(job(name, "main"));
  for (let count = 0; count < 50 && (await world.laneStatus())?.state !== "down"; count++) await world.lane().step();
  expect((await world.laneStatus())?.state).toBe("down");
}

async function attempts(world: ServiceWorld): Promise<number[]> {
  const items = await Promise.all(NAMES.map((name) => world.statusOf(name)));
  return items.map((item) => item?.attempts ?? 0);
}
