// Many jobs at once, two workers on one mirror, and workers that are killed.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Job } from "../../src/model/job.ts";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import { mirrorCrowd } from "../support/crowd.ts";
import { refsOf } from "../support/repositories.ts";
import { type ServiceWorld, startServiceWorld } from "../support/service-world.ts";

const WORKER = fileURLToPath(new URL("../support/worker-process.ts", import.meta.url));

const job = (repository: string): Job => ({
  mirror: "main" as MirrorName,
  repository: repository as RepositoryName,
  cause: "event",
});

test("a hundred jobs for twenty-five repositories on two workers: all equal, none handled by two at once", async () => {
  await mirrorCrowd({ repositories: 25, jobs: 100, milliseconds: 50_000 });
}, 60_000);

test("two deliveries of one job, the slow one with an older plan: never an old value over a newer one", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  await world.lane().send(job("tools"));
  await world.lane().drain();
  await world.post(await world.pushToSource("tools"));
  const record = await world.lane().receive();
  if (record === undefined) throw new Error("the job is not there");
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let reached = () => {};
  const atPush = new Promise<void>((resolve) => {
    reached = resolve;
  });
  let pushes = 0;
  world.servers.side("main").hooks.push(async ({ service }) => {
    if (service !== "receive-pack" || pushes++ > 0) return undefined;
    reached();
    await held;
    return undefined;
  });
  const slow = world.lane().deliver(record);
  await atPush;
  await world.pushToSource("tools");
  const quick = await world.lane().deliver(record);
  const newest = await mirrorMain(world);
  expect(quick).toBe("done");
  expect(await world.isEqual("tools")).toBe(true);
  release();
  await slow;
  expect(await mirrorMain(world)).toBe(newest);
  expect((await world.statusOf("tools"))?.state).toBe("equal");
});

test("a worker that stands still before its push does not undo what another one did meanwhile", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  await world.lane().send(job("tools"));
  await world.lane().drain();
  await world.post(await world.pushToSource("tools"));
  const record = await world.lane().receive();
  if (record === undefined) throw new Error("the job is not there");
  let fetches = 0;
  world.servers.side("source").hooks.push(async ({ service }) => {
    if (service !== "fetch" || fetches++ > 0) return undefined;
    // While the slow one waits for its pack, the source goes on and another delivery mirrors that.
    await world.pushToSource("tools");
    expect(await world.lane().deliver(record)).toBe("done");
    return undefined;
  });
  await world.lane().deliver(record);
  expect(fetches).toBeGreaterThan(1);
  expect(await world.isEqual("tools")).toBe(true);
  expect((await world.statusOf("tools"))?.state).toBe("equal");
});

test("workers killed at any moment lose nothing and leave nothing half-shown", async () => {
  await using world = await startServiceWorld({ visibilitySeconds: 1 });
  const names = ["r1", "r2", "r3"];
  for (const name of names) await world.addRepository(name);
  for (let round = 0; round < 6; round++) {
    for (const name of names) await world.post(await world.pushToSource(name, round % 2 === 0 ? "main" : `b${round}`));
    const child = spawn(process.execPath, [WORKER, "main"], { stdio: "ignore" });
    await atWork(world, child);
    await delay(Math.random() * 120);
    child.kill("SIGKILL");
    await once(child, "close");
    for (const server of [world.servers.source, ...world.servers.mirrors.values()]) await server.idle();
  }
  world.startWorkers();
  await world.settle();
  for (const name of names) {
    expect([name, await world.isEqual(name)]).toEqual([name, true]);
    expect((await world.statusOf(name))?.state).toBe("equal");
    await world.fsck(name);
  }
  expect(await world.lane().deadTexts()).toEqual([]);
}, 60_000);

/** Until the process has asked one of the servers for something. */
async function atWork(world: ServiceWorld, child: ChildProcess): Promise<void> {
  world.servers.forget();
  while (world.servers.requests("source").length === 0 && child.exitCode === null) await delay(5);
}

async function mirrorMain(world: ServiceWorld): Promise<string> {
  return (await refsOf(world.servers.mirrorOf("tools", "main"))).get("refs/heads/main") ?? "";
}
