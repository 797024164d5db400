// What heals is tried again with growing delays, what does not is dead-lettered with everything a person needs.
import { cp } from "node:fs/promises";
import { expect, test } from "vitest";
import { METRICS } from "../../src/contract.ts";
import type { Job } from "../../src/model/job.ts";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import { respond } from "../support/git-server.ts";
import { type ServiceWorld, startServiceWorld } from "../support/service-world.ts";

const job = (repository: string, more: Partial<Job> = {}): Job => ({
  mirror: "main" as MirrorName,
  repository: repository as RepositoryName,
  cause: "manual",
  ...more,
});

const seconds = (world: ServiceWorld): number[] => world.postponed.map((postponement) => postponement.seconds);

test("a mirror that fails twice and then works: two attempts with growing delays, then equal", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  world.servers.side("main").rules.push({ on: () => true, fault: { kind: "status", status: 503 }, times: 2 });
  await world.lane().send(job("tools"));
  expect(await world.lane().step()).toBe("later");
  expect(await world.statusOf("tools")).toMatchObject({
    state: "failed",
    attempts: 1,
    error: { code: "server-error", message: expect.stringContaining("503"), remedy: expect.any(String) },
  });
  expect(await world.lane().step()).toBe("later");
  expect((await world.statusOf("tools"))?.attempts).toBe(2);
  expect(await world.lane().step()).toBe("done");
  expect(await world.statusOf("tools")).toMatchObject({ state: "equal", attempts: 0 });
  expect(seconds(world)).toEqual([5, 30]);
  expect(await world.isEqual("tools")).toBe(true);
  expect(await world.lane().deadLetters()).toEqual([]);
});

test("a host's Retry-After wins over the delays", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  const throttled = { kind: "status", status: 429, headers: { "retry-after": "77" } } as const;
  world.servers.side("main").rules.push({ on: () => true, fault: throttled, times: 1 });
  await world.lane().send(job("tools"));
  expect(await world.lane().step()).toBe("later");
  expect(seconds(world)).toEqual([77]);
  expect((await world.statusOf("tools"))?.error?.code).toBe("throttled");
});

test("a Retry-After of nothing does not burn the attempts within a second", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  const throttled = { kind: "status", status: 503, headers: { "retry-after": "0" } } as const;
  world.servers.side("main").rules.push({ on: () => true, fault: throttled, times: 2 });
  await world.lane().send(job("tools"));
  await world.lane().drain();
  expect(seconds(world)).toEqual([5, 30]);
});

test("eight attempts, then one dead letter that says why, and the lane of one repository stays up", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  world.servers.side("main").rules.push({ on: () => true, fault: { kind: "status", status: 500 }, times: Infinity });
  const before = Date.now();
  await world.lane().send(job("tools"));
  await world.lane().drain();
  expect(seconds(world)).toEqual([5, 30, 120, 300, 900, 900, 900]);
  const [letter, ...more] = await world.lane().deadLetters();
  expect(more).toEqual([]);
  expect(letter).toMatchObject({
    version: 1,
    code: "server-error",
    message: expect.stringContaining("HTTP 500"),
    remedy: expect.stringContaining("host"),
    attempts: 8,
    job: job("tools"),
  });
  expect(letter?.queuedAt).toBeGreaterThanOrEqual(before);
  expect(letter?.failedAt).toBeGreaterThanOrEqual(letter?.queuedAt ?? Number.NaN);
  expect(await world.statusOf("tools")).toMatchObject({
    state: "failed",
    attempts: 0,
    letter: { code: "server-error" },
  });
  expect(world.count(METRICS.deadLetters, "main")).toBe(1);
  expect((await world.laneStatus())?.state).toBe("up");
});

test("a job that fails once more while its letter is open makes no second letter", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  world.servers.side("main").rules.push({ on: () => true, fault: { kind: "status", status: 404 }, times: Infinity });
  for (let count = 0; count < 3; count++) await world.lane().send(job("tools"));
  await world.lane().drain();
  expect(await world.lane().deadLetters()).toMatchObject([{ code: "not-found", attempts: 1 }]);
  expect(seconds(world)).toEqual([]);
});

test("a credential rotated while a job runs is picked up by the attempt that was refused", async () => {
  await using world = await startServiceWorld({
    mirror: { secret: "mirror" },
    secrets: { mirror: { username: "me", password: "old-password" } },
  });
  await world.addRepository("tools");
  let valid = basic("old-password");
  let rotate = async () => {};
  world.servers.side("main").hooks.push(async ({ headers }) => {
    if (headers.authorization === valid) return undefined;
    await rotate();
    return { answer: (exchange) => respond(exchange, 401) };
  });
  await world.lane().send(job("tools"));
  expect(await world.lane().step()).toBe("done");
  valid = basic("new-password");
  await world.pushToSource("tools");
  await world.lane().send(job("tools"));
  expect(await world.lane().step()).toBe("later");
  expect((await world.statusOf("tools"))?.error?.code).toBe("credential-refused");
  rotate = () => world.writeSecrets({ mirror: { username: "me", password: "new-password" } });
  expect(await world.lane().step()).toBe("done");
  expect(await world.isEqual("tools")).toBe(true);
  expect(JSON.stringify([world.logs, await world.statusOf("tools")])).not.toMatch(/-password|bWU6/);
});

test("an unreadable message goes to the dead-letter queue as it was", async () => {
  await using world = await startServiceWorld();
  await world.lane().sendText('{"mirror": "main", "repository": "../etc"}');
  expect(await world.lane().step()).toBe("done");
  expect(await world.lane().deadTexts()).toEqual(['{"mirror": "main", "repository": "../etc"}']);
  expect(world.logged(/no job/)[0]?.fields).toMatchObject({ mirror: "main", error: { code: "invalid-job" } });
});

test("a job of a lane or a repository that is no longer configured is dropped with a warning", async () => {
  await using world = await startServiceWorld({ config: { repositories: ["tools"] } });
  await world.lane().send(job("other"));
  await world.lane().send(job("tools", { mirror: "former" as MirrorName }));
  await world.lane().drain();
  expect(world.logged(/job dropped/).map(({ level }) => level)).toEqual(["warn", "warn"]);
  expect(await world.lane().pending()).toBe(0);
  expect(await world.lane().deadTexts()).toEqual([]);
});

test("a named ref that the source still shows with its old value is looked at again, three times at most", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  await world.lane().send(job("tools"));
  await world.lane().drain();
  const covered = (await world.statusOf("tools"))?.coveredUntil;
  const event = await behindReplica(world);
  await world.post(event);
  await world.lane().drain();
  expect(seconds(world)).toEqual([5, 5, 5]);
  expect(await world.statusOf("tools")).toMatchObject({ state: "equal", coveredUntil: covered });
  expect(await world.isEqual("tools")).toBe(false);
});

test("a replica that caught up by the second look: the mirror becomes equal", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  await world.lane().send(job("tools"));
  await world.lane().drain();
  await world.post(await behindReplica(world));
  // The job makes one that looks again, and is done: it keeps no other job of the repository waiting.
  expect(await world.lane().step()).toBe("done");
  expect(await world.lane().step()).toBe("later");
  world.servers.side("source").hooks.pop();
  expect(await world.lane().step()).toBe("done");
  expect(await world.isEqual("tools")).toBe(true);
  expect(seconds(world)).toEqual([5]);
});

/** From now on every request but REST is answered by a copy of the source from before the push whose event this is. */
async function behindReplica(world: ServiceWorld): Promise<object> {
  await cp(world.servers.sourceOf("tools"), world.servers.sourceOf("replica"), { recursive: true });
  const event = await world.pushToSource("tools");
  world.servers.side("source").hooks.push((record) => {
    record.path = record.path.replace(/^\/tools\//, "/replica/");
    return undefined;
  });
  return event;
}

function basic(password: string): string {
  return `Basic ${Buffer.from(`me:${password}`).toString("base64")}`;
}
