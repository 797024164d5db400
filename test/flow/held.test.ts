// Deletions, refusals and first contact: what is done at once, what waits for a person, and how it heals.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { Job } from "../../src/model/job.ts";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import { git } from "../support/git.ts";
import { refuseRef } from "../support/refusing-hooks.ts";
import { commit, createBare, deleteRef, installHook, refsOf, updateRefs } from "../support/repositories.ts";
import { refUpdated, type ServiceWorld, startServiceWorld } from "../support/service-world.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/gerrit-mirror.ts", import.meta.url));

const replay = (more: Partial<Job> = {}): Job => ({
  mirror: "main" as MirrorName,
  repository: "tools" as RepositoryName,
  cause: "replay",
  ...more,
});

test("an announced deletion is done, also of the last branch", async () => {
  await using world = await mirrored("topic");
  for (const ref of ["refs/heads/topic", "refs/heads/main"]) {
    const old = (await refsOf(world.servers.sourceOf("tools"))).get(ref);
    await deleteRef(world.servers.sourceOf("tools"), ref);
    await world.post(refUpdated("tools", ref, old, undefined));
    await world.lane().drain();
    expect([...(await refsOf(world.servers.mirrorOf("tools", "main"))).keys()]).not.toContain(ref);
  }
  expect(await world.isEqual("tools")).toBe(true);
  expect((await world.statusOf("tools"))?.state).toBe("equal");
  expect(await world.lane().deadLetters()).toEqual([]);
});

test("a mass disappearance is held with its digest, work goes on meanwhile, and a person approves exactly that", async () => {
  await using world = await mirrored("b1", "b2", "b3", "b4", "b5", "b6");
  const gone = ["b1", "b2", "b3", "b4"].map((name) => `refs/heads/${name}`);
  await updateRefs(
    world.servers.sourceOf("tools"),
    gone.map((ref) => [ref, null] as const),
  );
  expect((await world.sweep()).enqueued).toHaveLength(1);
  await world.lane().drain();
  const [letter] = await world.lane().deadLetters();
  expect(letter).toMatchObject({
    code: "guarded",
    deletions: { count: 4, digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
  expect(letter?.refs.map(({ ref }) => ref)).toEqual(gone);
  expect((await world.statusOf("tools"))?.state).toBe("held");

  await world.post(await world.pushToSource("tools"));
  await world.post(await world.pushToSource("tools", "b5"));
  await world.lane().drain();
  const [source, mirror] = await both(world);
  for (const ref of ["refs/heads/main", "refs/heads/b5"]) expect(mirror.get(ref)).toBe(source.get(ref));
  for (const ref of gone) expect(mirror.has(ref)).toBe(true);
  expect((await world.sweep()).enqueued).toEqual([]);
  expect(await world.lane().deadLetters()).toHaveLength(1);

  await world.lane().send(replay({ allowDeletes: "0".repeat(64) }));
  await world.lane().drain();
  expect(await world.isEqual("tools")).toBe(false);
  await world.lane().send(replay({ allowDeletes: letter?.deletions?.digest ?? "" }));
  await world.lane().drain();
  expect(await world.isEqual("tools")).toBe(true);
  expect((await world.statusOf("tools"))?.state).toBe("equal");
  expect(await world.statusOf("tools")).not.toHaveProperty("letter");
});

test("a mass disappearance that an event's job finds makes one letter, however many events follow", async () => {
  await using world = await mirrored("b1", "b2", "b3", "b4", "b5", "b6");
  const refs = ["b1", "b2", "b3", "b4", "b5", "b6"].map((name) => [`refs/heads/${name}`, null] as const);
  await updateRefs(world.servers.sourceOf("tools"), refs);
  world.advance(10_000);
  for (let count = 0; count < 3; count++) await world.post(await world.pushToSource("tools"));
  world.advance(10_000);
  await world.lane().drain();
  expect(await world.lane().deadLetters()).toMatchObject([{ code: "guarded", deletions: { count: 6 } }]);
  expect(await world.statusOf("tools")).toMatchObject({ state: "held", letter: { code: "guarded" } });
});

test("the same refusal in three sweeps makes one letter, another difference another, and equality clears the mark", async () => {
  await using world = await mirrored("locked");
  const mirror = world.servers.mirrorOf("tools", "main");
  await refuseRef(mirror, "refs/heads/locked");
  await world.pushToSource("tools", "locked");
  for (const made of [1, 0, 0]) {
    expect((await world.sweep()).enqueued).toHaveLength(made);
    await world.lane().drain();
  }
  expect(await world.lane().deadLetters()).toMatchObject([
    {
      code: "rejected",
      refs: [{ ref: "refs/heads/locked", outcome: "rejected", reason: expect.stringContaining("protected") }],
    },
  ]);
  await world.pushToSource("tools", "locked");
  expect((await world.sweep()).enqueued).toHaveLength(1);
  await world.lane().drain();
  expect(await world.lane().deadLetters()).toHaveLength(2);

  await installHook(mirror, "update", "#!/bin/sh\n");
  await git(["-C", mirror, "fetch", "--quiet", world.servers.sourceOf("tools"), "+refs/heads/*:refs/heads/*"]);
  expect(await world.sweep()).toMatchObject({ equal: 1, enqueued: [] });
  expect((await world.statusOf("tools"))?.state).toBe("equal");
  expect(await world.statusOf("tools")).not.toHaveProperty("letter");
});

test("a mirror that holds other work is foreign until a person adopts it", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  await commit(world.servers.mirrorOf("tools", "main"), { files: { "other.txt": "other\n" }, message: "foreign" });
  const foreign = await refsOf(world.servers.mirrorOf("tools", "main"));
  await world.post(await world.pushToSource("tools"));
  await world.lane().drain();
  expect((await world.statusOf("tools"))?.state).toBe("foreign");
  for (let count = 0; count < 2; count++) expect((await world.sweep()).enqueued).toEqual([]);
  await world.post(await world.pushToSource("tools"));
  await world.lane().drain();
  expect(await world.lane().deadLetters()).toMatchObject([
    { code: "foreign", remedy: expect.stringContaining("--adopt") },
  ]);
  expect(await refsOf(world.servers.mirrorOf("tools", "main"))).toEqual(foreign);

  const { configFile, secretsFile } = world.files;
  const flags = ["--adopt", "--config", configFile, "--secrets", secretsFile, "--json", "--retry-seconds", "0"];
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, "mirror", "tools", ...flags]);
  expect(JSON.parse(stdout)).toMatchObject({ repository: "tools", mirror: "main", outcome: "equal" });
  await world.post(await world.pushToSource("tools"));
  await world.lane().drain();
  expect(await world.isEqual("tools")).toBe(true);
  expect((await world.statusOf("tools"))?.state).toBe("equal");
});

test("a first push that broke off is not taken for foreign work when the source has moved on", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  const readBack = { on: "ls-refs", after: 1, fault: { kind: "status", status: 503 } } as const;
  world.servers.side("main").rules.push(readBack);
  await world.lane().send(replay());
  expect(await world.lane().step()).toBe("later");
  expect((await refsOf(world.servers.mirrorOf("tools", "main"))).size).toBe(1);
  await world.pushToSource("tools");
  expect(await world.lane().step()).toBe("done");
  expect(await world.isEqual("tools")).toBe(true);
});

test("a project that is gone from Gerrit leaves its mirror alone; back with other content it is foreign", async () => {
  await using world = await mirrored("topic");
  await world.addRepository("other");
  const before = await refsOf(world.servers.mirrorOf("tools", "main"));
  await world.removeProject("tools");
  expect((await world.sweep()).gone).toEqual(["tools"]);
  expect((await world.sweep()).gone).toEqual([]);
  await world.lane().drain();
  expect(await world.statusOf("tools")).toMatchObject({ state: "gone", error: { code: "gone" } });
  expect(world.logged("repository gone from Gerrit")).toHaveLength(1);
  expect(await refsOf(world.servers.mirrorOf("tools", "main"))).toEqual(before);

  await createBare(world.servers.sourceOf("tools"));
  await commit(world.servers.sourceOf("tools"), { files: { "new.txt": "new\n" }, message: "made anew" });
  await world.sweep();
  await world.lane().drain();
  expect((await world.statusOf("tools"))?.state).toBe("foreign");
  expect(await refsOf(world.servers.mirrorOf("tools", "main"))).toEqual(before);
});

async function mirrored(...branches: string[]): Promise<ServiceWorld> {
  const world = await startServiceWorld();
  await world.addRepository("tools");
  for (const branch of branches) await world.pushToSource("tools", branch);
  await world.lane().send(replay());
  await world.lane().drain();
  expect(await world.isEqual("tools")).toBe(true);
  return world;
}

async function both(world: ServiceWorld): Promise<[Map<string, string>, Map<string, string>]> {
  return [await refsOf(world.servers.sourceOf("tools")), await refsOf(world.servers.mirrorOf("tools", "main"))];
}
