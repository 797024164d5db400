// What the mirror's account may no longer see in Gerrit, or what became of a project: no mirror loses a branch by it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GerritWorld, READ_ALL, READERS, startGerritWorld } from "../support/gerrit-world.ts";
import { commit, createBare, deleteRef, refsOf, updateRef } from "../support/repositories.ts";

let world: GerritWorld;
beforeAll(async () => {
  world = await startGerritWorld();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** Ten branches, five of them below `secret/`. */
async function addTen(name: string): Promise<string> {
  const work = await world.addProject(name);
  await commit(work, { files: { "README.md": `${name}\n` } });
  for (const branch of BRANCHES) await updateRef(work, `refs/heads/${branch}`, "refs/heads/main");
  await world.pushAndSettle(work, name, "refs/heads/*:refs/heads/*");
  await untilState(name, "equal");
  expect(await world.differences(name)).toEqual([]);
  return work;
}

const BRANCHES = ["a", "b", "c", "d", "secret/a", "secret/b", "secret/c", "secret/d", "secret/e"];
const blocked = (ref: string) => [{ ref, permission: "read", group: READERS, action: "BLOCK" as const }];

describe("READ that is lost", () => {
  test("on half of the branches deletes none of them, also while pushes go on; given back, all is equal", async () => {
    const work = await addTen("some-branches");
    const before = await branchesOf("some-branches");
    await world.admin.grant("some-branches", blocked("refs/heads/secret/*"));
    await world.sweep();
    await untilState("some-branches", "held");
    const tip = await commit(work, { files: { "a.txt": "a\n" } });
    await world.admin.push(work, "some-branches", "refs/heads/main");
    await expect.poll(async () => (await refsOf(mirror("some-branches"))).get("refs/heads/main"), POLL).toBe(tip);
    expect(await branchesOf("some-branches")).toEqual(before);
    expect((await world.statusOf("some-branches")).error).toMatchObject({
      code: "guarded",
      message: expect.stringMatching(/^5 refs are gone from the source/),
    });
    await world.admin.withdraw("some-branches", blocked("refs/heads/secret/*"));
    await world.sweep();
    await untilState("some-branches", "equal");
    expect(await world.differences("some-branches")).toEqual([]);
  });

  test("on one project leaves its mirror alone", async () => {
    const work = await addTen("one-project");
    const before = await refsOf(mirror("one-project"));
    await world.admin.grant("one-project", blocked("refs/*"));
    await world.sweep();
    await expect.poll(async () => (await world.statusOf("one-project")).state, POLL).toMatch(/^(?:gone|failed|held)$/);
    await commit(work, { files: { "a.txt": "a\n" } });
    await world.pushAndSettle(work, "one-project", "refs/heads/main");
    // The sweep said so once; the job's own refusal (HTTP 403) is no second notice.
    expect((await world.statusOf("one-project")).error).toMatchObject({
      code: "gone",
      message: expect.stringContaining("no longer lists"),
      remedy: expect.stringContaining("cannot be read by this account"),
    });
    expect(await refsOf(mirror("one-project"))).toEqual(before);
    await world.admin.withdraw("one-project", blocked("refs/*"));
    await world.sweep();
    await world.untilEqual("one-project");
    await untilState("one-project", "equal");
  });

  test("on all projects leaves all mirrors alone", async () => {
    const work = await addTen("all-projects");
    const before = await refsOf(mirror("all-projects"));
    await world.admin.withdraw("All-Projects", [READ_ALL]);
    const { enqueued } = await world.sweep();
    await commit(work, { files: { "a.txt": "a\n" } });
    await world.pushAndSettle(work, "all-projects", "refs/heads/main");
    expect({ enqueued, refs: await refsOf(mirror("all-projects")) }).toMatchObject({ refs: before });
    await world.admin.grant("All-Projects", [READ_ALL]);
    await world.sweep();
    await world.untilEqual("all-projects");
    await untilState("all-projects", "equal");
  });
});

test("a new branch that the account cannot read holds up the others for a few seconds at most", async () => {
  const work = await addTen("unseen");
  await world.admin.grant("unseen", blocked("refs/heads/secret/*"));
  await updateRef(work, "refs/heads/secret/new", "refs/heads/main");
  await world.admin.push(work, "unseen", "refs/heads/secret/new");
  const tip = await commit(work, { files: { "a.txt": "a\n" } });
  await world.admin.push(work, "unseen", "refs/heads/main");
  await expect.poll(async () => (await refsOf(mirror("unseen"))).get("refs/heads/main"), POLL).toBe(tip);
  expect(await branchesOf("unseen")).toHaveLength(BRANCHES.length + 1);
});

test("sixty branches that people delete in one push are deleted without anybody's approval", async () => {
  const work = await addTen("cleaned-up");
  const names = Array.from({ length: 60 }, (_, index) => `refs/heads/stale/${index}`);
  for (const name of names) await updateRef(work, name, "refs/heads/main");
  await world.pushAndSettle(work, "cleaned-up", "refs/heads/stale/*:refs/heads/stale/*");
  await world.admin.push(work, "cleaned-up", ...names.map((name) => `:${name}`));
  await world.untilEqual("cleaned-up", 60_000);
  await untilState("cleaned-up", "equal");
});

describe("a project", () => {
  test("that is hidden keeps its mirror, and shown again is mirrored on", async () => {
    const work = await addTen("hidden");
    const before = await refsOf(mirror("hidden"));
    await world.admin.setState("hidden", "HIDDEN");
    await world.sweep();
    await untilState("hidden", "gone");
    expect(await refsOf(mirror("hidden"))).toEqual(before);
    await world.admin.setState("hidden", "ACTIVE");
    await commit(work, { files: { "a.txt": "a\n" } });
    await world.admin.push(work, "hidden", "refs/heads/main");
    await world.untilEqual("hidden");
  });

  test("that is read-only stays equal", async () => {
    await addTen("read-only");
    await world.admin.setState("read-only", "READ_ONLY");
    await world.sweep();
    await untilState("read-only", "equal");
    expect(await world.differences("read-only")).toEqual([]);
  });

  test("that is deleted or renamed keeps the mirror of its old name, and the new name gets its own", async () => {
    await addTen("deleted");
    await addTen("old-name");
    const before = [await refsOf(mirror("deleted")), await refsOf(mirror("old-name"))];
    await createBare(mirror("new-name"));
    await world.gerrit.stop();
    await world.gerrit.rename("old-name", "new-name");
    await world.gerrit.remove("deleted");
    await world.gerrit.start();
    const { gone } = await world.sweep();
    expect(gone).toEqual(expect.arrayContaining(["deleted", "old-name"]));
    await world.untilEqual("new-name");
    expect([await refsOf(mirror("deleted")), await refsOf(mirror("old-name"))]).toEqual(before);
  });

  test("that is deleted and made anew with other content is held until a person says that it is meant", async () => {
    await addTen("anew");
    const before = await refsOf(mirror("anew"));
    await world.gerrit.stop();
    await world.gerrit.remove("anew");
    await world.gerrit.start();
    await world.sweep();
    await untilState("anew", "gone");
    await world.admin.createProject("anew");
    const work = await createBare(`${world.folder}/clones/anew-again`);
    await commit(work, { files: { "other.txt": "other\n" }, message: "another project" });
    await world.admin.push(work, "anew", "refs/heads/main");
    await untilState("anew", "foreign");
    expect(await refsOf(mirror("anew"))).toEqual(before);
  });

  test("that is made anew before anybody noticed loses no branch of its mirror that no event announced", async () => {
    await addTen("quickly-anew");
    const before = await branchesOf("quickly-anew");
    await world.gerrit.stop();
    await world.gerrit.remove("quickly-anew");
    await world.gerrit.start();
    await world.admin.createProject("quickly-anew");
    const work = await createBare(`${world.folder}/clones/quickly-anew-again`);
    await commit(work, { files: { "other.txt": "other\n" }, message: "another project" });
    await world.pushAndSettle(work, "quickly-anew", "refs/heads/main");
    await world.sweep();
    await expect.poll(async () => (await world.statusOf("quickly-anew")).state, POLL).not.toBe("equal");
    expect(await branchesOf("quickly-anew")).toEqual(before);
    expect((await world.statusOf("quickly-anew")).state).toMatch(/^(?:held|foreign)$/);
  });
});

test("deletions whose events were all lost are held, and approved by their digest", async () => {
  const work = await addTen("approved");
  world.hook.down = true;
  await world.admin.push(work, "approved", ...BRANCHES.slice(0, 4).map((branch) => `:refs/heads/${branch}`));
  for (const branch of BRANCHES.slice(0, 4)) await deleteRef(work, `refs/heads/${branch}`);
  // Four events, five tries each (the plugin's default): from then on only the sweep can find them.
  await expect.poll(() => world.hook.cut, POLL).toBe(20);
  world.hook.down = false;
  await world.sweep();
  await untilState("approved", "held");
  expect(await branchesOf("approved")).toHaveLength(10);
  const { error } = await world.statusOf("approved");
  const digest = /--allow-deletes ([0-9a-f]{64})/.exec(error?.remedy ?? "")?.[1] ?? "";
  const { code, stdout } = await world.mirror("approved", "--mirror", "main", "--allow-deletes", digest);
  expect([code, stdout]).toMatchObject([0, expect.anything()]);
  expect(await world.differences("approved")).toEqual([]);
});

const POLL = { timeout: 20_000, interval: 200 };

function mirror(name: string): string {
  return world.mirrorOf(name);
}

async function branchesOf(name: string): Promise<string[]> {
  return [...(await refsOf(mirror(name))).keys()];
}

async function untilState(name: string, state: string): Promise<void> {
  await expect.poll(async () => (await world.statusOf(name)).state, POLL).toBe(state);
}
