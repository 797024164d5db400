// From an event to an equal mirror: coverage, floods of events, and events that are not what they say.
import { expect, test } from "vitest";
import { METRICS } from "../../src/contract.ts";
import { MirrorError } from "../../src/errors.ts";
import { commit, deleteRef, refsOf, updateRefs } from "../support/repositories.ts";
import { refUpdated, startServiceWorld } from "../support/service-world.ts";

test("one event makes the mirror equal, and the status says so with the lag", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  const event = await world.pushToSource("tools");
  expect(await world.post(event)).toMatchObject({ status: 200, body: '{"queued":["main"]}' });
  world.startWorkers();
  await world.settle();
  expect(await world.isEqual("tools")).toBe(true);
  await world.fsck("tools");
  const status = await world.statusOf("tools");
  expect(status).toMatchObject({ state: "equal", attempts: 0 });
  expect(status).not.toHaveProperty("error");
  expect(status?.lagMs).toBeGreaterThanOrEqual(0);
  expect(status?.lagMs).toBeLessThan(15_000);
});

test("an event that a later full read covers makes no request", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  await world.post(await world.pushToSource("tools"));
  await world.post(await world.pushToSource("tools"));
  // The jobs waited more than a second, so the first one's full read began after both were queued.
  world.advance(3_000);
  expect(await world.lane().step()).toBe("done");
  world.servers.forget();
  expect(await world.lane().step()).toBe("done");
  expect([world.servers.requests("source"), world.servers.requests("main")]).toEqual([[], []]);
  expect(world.count(METRICS.jobsCovered)).toBe(1);
  expect(await world.isEqual("tools")).toBe(true);
});

test("an event that came after the read is looked at, narrowly", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  await world.post(await world.pushToSource("tools"));
  await world.lane().drain();
  world.servers.forget();
  await world.post(await world.pushToSource("tools"));
  await world.lane().drain();
  expect(await world.isEqual("tools")).toBe(true);
  expect(world.logged("job").at(-1)?.fields).toMatchObject({ scope: "narrow", end: "equal" });
  const requests = world.servers.requests("source").length + world.servers.requests("main").length;
  expect(requests).toBeLessThanOrEqual(7);
});

test("five hundred refs in one push, five hundred events: at most three pushes", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  await world.post(await world.pushToSource("tools"));
  await world.lane().drain();
  world.startWorkers(10);
  world.servers.forget();
  const tip = (await refsOf(world.servers.sourceOf("tools"))).get("refs/heads/main") ?? "";
  const refs = Array.from({ length: 500 }, (_, index) => `refs/heads/topic-${index}`);
  await updateRefs(
    world.servers.sourceOf("tools"),
    refs.map((ref) => [ref, tip] as const),
  );
  const answers = await Promise.all(refs.map((ref) => world.post(refUpdated("tools", ref, undefined, tip))));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  await world.settle();
  expect(await world.isEqual("tools")).toBe(true);
  expect(world.servers.requests("main", "receive-pack").length).toBeLessThanOrEqual(3);
  // Jobs queued within the second before a full read began are not covered by it and read in full themselves.
  expect(world.servers.requests("source").length).toBeLessThanOrEqual(1_100);
  await world.fsck("tools");
});

test("replayed, duplicated, stale, forged and reordered events do no harm", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  const first = await world.pushToSource("tools");
  const second = await world.pushToSource("tools");
  for (const event of [second, first, first, second]) await world.post(event);
  const tip = (await refsOf(world.servers.sourceOf("tools"))).get("refs/heads/main") ?? "";
  const nowhere = "f".repeat(40);
  await world.post(refUpdated("tools", "refs/heads/main", tip, undefined));
  await world.post(refUpdated("tools", "refs/heads/main", tip, nowhere));
  await world.post(refUpdated("tools", "refs/heads/never-was", nowhere, undefined));
  await world.post(refUpdated("tools", "refs/heads/never-was", undefined, nowhere));
  await world.lane().drain();
  expect(await world.isEqual("tools")).toBe(true);
  expect((await refsOf(world.servers.mirrorOf("tools", "main"))).get("refs/heads/main")).toBe(tip);
  expect((await world.statusOf("tools"))?.state).toBe("equal");
  expect(await world.lane().deadLetters()).toEqual([]);
});

test("`a` deleted and `a/b` created as two events in the wrong order end equal", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  await world.post(await world.pushToSource("tools", "a"));
  await world.lane().drain();
  const repo = world.servers.sourceOf("tools");
  const old = (await refsOf(repo)).get("refs/heads/a");
  await deleteRef(repo, "refs/heads/a");
  const oid = await commit(repo, { branch: "a/b", message: "renamed" });
  await world.post(refUpdated("tools", "refs/heads/a/b", undefined, oid));
  await world.post(refUpdated("tools", "refs/heads/a", old, undefined));
  await world.lane().drain();
  expect(await world.isEqual("tools")).toBe(true);
  expect([...(await refsOf(world.servers.mirrorOf("tools", "main"))).keys()]).toContain("refs/heads/a/b");
  expect(await world.lane().deadLetters()).toEqual([]);
});

test("forty announced deletions at once are no mass disappearance, and nobody is asked", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  const repo = world.servers.sourceOf("tools");
  const tip = (await refsOf(repo)).get("refs/heads/main") ?? "";
  const refs = Array.from({ length: 40 }, (_, index) => `refs/heads/old-${index}`);
  await updateRefs(
    repo,
    refs.map((ref) => [ref, tip] as const),
  );
  await world.post(await world.pushToSource("tools"));
  await world.lane().drain();
  await updateRefs(
    repo,
    refs.map((ref) => [ref, null] as const),
  );
  for (const ref of refs) await world.post(refUpdated("tools", ref, tip, undefined));
  const before = world.servers.requests("main", "receive-pack").length;
  await world.lane().drain();
  // The first job is narrow, the second one sees what all the others announced.
  expect(world.servers.requests("main", "receive-pack").length - before).toBe(2);
  expect(await world.isEqual("tools")).toBe(true);
  expect((await world.statusOf("tools"))?.state).toBe("equal");
  expect(await world.lane().deadLetters()).toEqual([]);
});

test("an event of a repository or ref that is not mirrored makes no job", async () => {
  await using world = await startServiceWorld({ config: { repositories: ["tools"], skip: [] } });
  const oid = "a".repeat(40);
  for (const event of [
    refUpdated("other", "refs/heads/main", undefined, oid),
    refUpdated("tools", "refs/changes/01/1/1", undefined, oid),
    refUpdated("tools", "refs/meta/config", undefined, oid),
  ]) {
    expect(await world.post(event)).toMatchObject({ status: 200, body: expect.stringContaining("ignored") });
  }
  expect(await world.post("no json")).toMatchObject({ status: 400 });
  expect(await world.post(refUpdated("tools", "refs/heads/main", undefined, oid), "/webhook/wrong")).toMatchObject({
    status: 401,
  });
  expect(world.jobs).toEqual([]);
  expect(await world.lane().pending()).toBe(0);
});

test("a queue that refuses is answered with 429, never with 5xx, and the event counts as not taken", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  const { send } = world.ports.queue;
  world.ports.queue.send = async () => {
    throw new MirrorError("queue-refused", "no queue today");
  };
  const event = await world.pushToSource("tools");
  expect(await world.post(event)).toMatchObject({ status: 429 });
  expect(world.count(METRICS.eventsQueued)).toBe(0);
  world.ports.queue.send = send;
  expect(await world.post(event)).toMatchObject({ status: 200 });
  await world.lane().drain();
  expect(await world.isEqual("tools")).toBe(true);
});
