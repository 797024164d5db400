// What people do in Gerrit, from its own webhook to the mirror: pushes, deletions, tags, reviews, new projects.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GerritWorld, META_REFS, startGerritWorld } from "../support/gerrit-world.ts";
import { git } from "../support/git.ts";
import { commit, deleteRef, refsOf, resolve, tag, updateRef, updateRefs, writeBlob } from "../support/repositories.ts";

let world: GerritWorld;
beforeAll(async () => {
  world = await startGerritWorld();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

describe("a push to Gerrit arrives:", () => {
  test("a commit, a force-push, a new branch and a deletion", async () => {
    const work = await world.addMirrored("pushes");
    const first = await resolve(work, "refs/heads/main");
    await commit(work, { files: { "a.txt": "a\n" } });
    await push(work, "pushes", "refs/heads/main");

    await commit(work, { parents: [first], files: { "b.txt": "b\n" }, message: "another history" });
    await push(work, "pushes", "+refs/heads/main");

    await commit(work, { branch: "topic/x", parents: [first], files: { "c.txt": "c\n" } });
    await push(work, "pushes", "refs/heads/topic/x");
    await push(work, "pushes", ":refs/heads/topic/x");
    expect([...(await refsOf(world.mirrorOf("pushes"))).keys()]).toEqual(["refs/heads/main"]);

    await deleteRef(work, "refs/heads/topic/x");
    await commit(work, { branch: "topic", parents: [first], files: { "d.txt": "d\n" } });
    await push(work, "pushes", "refs/heads/topic");
    await world.fsck("pushes");
  });

  test("a branch renamed to a name below itself, and back", async () => {
    const work = await world.addMirrored("renamed");
    await updateRef(work, "refs/heads/a", "refs/heads/main");
    await push(work, "renamed", "refs/heads/a");
    // Gerrit itself refuses both in one push.
    await world.admin.push(work, "renamed", ":refs/heads/a");
    await push(work, "renamed", "refs/heads/a:refs/heads/a/b");
    await world.admin.push(work, "renamed", ":refs/heads/a/b");
    await push(work, "renamed", "refs/heads/a");
  });

  test("tags: light, annotated, nested, of a tree and of a blob, moved and deleted", async () => {
    const work = await world.addMirrored("tags");
    await updateRef(work, "refs/tags/light", "refs/heads/main");
    await tag(work, "annotated", "refs/heads/main");
    await tag(work, "nested", "refs/tags/annotated");
    await updateRef(work, "refs/tags/tree", await resolve(work, "refs/heads/main^{tree}"));
    await updateRef(work, "refs/tags/blob", await writeBlob(work, "a blob of its own\n"));
    await tag(work, "annotated-tree", "refs/heads/main^{tree}");
    for (const name of ["light", "annotated", "nested"]) await push(work, "tags", `refs/tags/${name}`);
    const odd = ["tree", "blob", "annotated-tree"].map((name) => `refs/tags/${name}`);
    await push(work, "tags", ...odd);

    await commit(work, { files: { "a.txt": "a\n" } });
    await tag(work, "annotated", "refs/heads/main", "moved");
    await push(work, "tags", "+refs/tags/annotated");
    await push(work, "tags", ":refs/tags/nested");
    expect((await refsOf(world.mirrorOf("tags"))).has("refs/tags/nested")).toBe(false);
    await world.fsck("tags");
  });

  test("500 branches in one push, within 3 s and in three receive-pack requests at most", async () => {
    const work = await world.addMirrored("many");
    const tip = await commit(work, { files: { "a.txt": "many\n" } });
    await updateRefs(
      work,
      Array.from({ length: 500 }, (_, index) => [`refs/heads/many/${index}`, tip] as const),
    );
    const before = world.pushes("many").length;
    await world.admin.push(work, "many", "refs/heads/many/*:refs/heads/many/*");
    const begun = performance.now();
    await world.untilEqual("many", 60_000);
    const took = performance.now() - begun;
    expect((await refsOf(world.mirrorOf("many"))).size).toBe(501);
    expect(world.pushes("many").length - before).toBeLessThanOrEqual(3);
    expect(took).toBeLessThan(3_000);
  });
});

test("a review arrives when it is submitted, and its refs/changes never do", async () => {
  const work = await world.addMirrored("reviews");
  const id = `I${"0123456789".repeat(4)}`;
  const change = await commit(work, { files: { "r.txt": "r\n" }, message: `reviewed\n\nChange-Id: ${id}\n` });
  await world.admin.push(work, "reviews", "refs/heads/main:refs/for/main");
  await world.admin.submit(change);
  await world.untilEqual("reviews");
  expect(await refsOf(world.mirrorOf("reviews"))).toEqual(new Map([["refs/heads/main", change]]));
  // The project itself, its first commit, the submitted one; patch sets, votes and their meta refs make no job.
  await expect.poll(() => queuedRefs("reviews"), POLL).toEqual(["all", ["refs/heads/main"], ["refs/heads/main"]]);
  const changes = [...(await refsOf(world.gerrit.repositoryOf("reviews"))).keys()];
  expect(changes.filter((ref) => ref.startsWith("refs/changes/"))).toHaveLength(2);
});

describe("a new project", () => {
  test("created through REST with branches, and pushed to, has its mirror", async () => {
    const work = await world.addProject("fresh", ["main", "dev"]);
    await world.untilEqual("fresh");
    const first = (await refsOf(world.gerrit.repositoryOf("fresh"))).get("refs/heads/main") ?? "";
    await git(["-C", work, "fetch", "--quiet", world.admin.gitUrl("fresh"), "refs/heads/main"]);
    await commit(work, { parents: [first], files: { "a.txt": "a\n" } });
    await push(work, "fresh", "refs/heads/main");
    await world.admin.setHead("fresh", "dev");
    await push(work, "fresh", ":refs/heads/main");
    expect([...(await refsOf(world.mirrorOf("fresh"))).keys()]).toEqual(["refs/heads/dev"]);
  });

  test("with nothing but refs/meta/config is equal to an empty mirror", async () => {
    await world.addProject("only-config");
    await expect.poll(async () => (await world.statusOf("only-config")).state, POLL).toBe("equal");
    expect([...(await refsOf(world.gerrit.repositoryOf("only-config"))).keys()]).toEqual(["refs/meta/config"]);
    expect((await refsOf(world.mirrorOf("only-config"))).size).toBe(0);
    expect((await world.sweep()).enqueued).toEqual([]);
  });
});

test("refs/meta/config and refs/notes/* are mirrored where they are configured, and nowhere else", async () => {
  const managed = new RegExp(`^(?:${META_REFS.map((text) => text.replace("*", ".*")).join("|")})$`);
  for (const name of ["meta/some", "plain"]) {
    const work = await world.addProject(name);
    const tip = await commit(work, { files: { "a.txt": "a\n" } });
    await commit(work, { branch: "refs/notes/review", files: { [tip]: "looks good\n" } });
    await commit(work, { branch: "refs/custom/x", files: { "x.txt": "x\n" } });
    await world.admin.push(work, name, "refs/heads/main", "refs/notes/review", "refs/custom/x");
    await world.admin.setState(name, "READ_ONLY");
  }
  await world.untilEqual("meta/some", 20_000, managed);
  await world.untilEqual("plain");
  const there = [...(await refsOf(world.mirrorOf("meta/some"))).keys()].sort();
  expect(there).toEqual(["refs/heads/main", "refs/meta/config", "refs/notes/review"]);
  expect([...(await refsOf(world.mirrorOf("plain"))).keys()]).toEqual(["refs/heads/main"]);
  await world.fsck("meta/some");
});

test("forty projects pushed at once are all equal", async () => {
  const names = Array.from({ length: 40 }, (_, index) => `crowd/${index}`);
  const works = new Map<string, string>();
  for (const name of names) {
    const work = await world.addProject(name);
    await commit(work, { files: { "a.txt": `${name}\n` } });
    works.set(name, work);
  }
  await Promise.all([...works].map(([name, work]) => world.admin.push(work, name, "refs/heads/main")));
  for (const name of names) await world.untilEqual(name, 60_000);
});

const POLL = { timeout: 20_000, interval: 200 };

/** What the log says of each event that became a job. */
function queuedRefs(name: string): unknown[] {
  const lines = world.service().output().split("\n");
  const queued = lines.filter((line) => line.includes('"message":"event queued"')).map((line) => JSON.parse(line));
  return queued.filter(({ repository }) => repository === name).map(({ refs }) => refs);
}

/** Pushes and waits until the mirror shows it. */
async function push(work: string, name: string, ...refspecs: string[]): Promise<void> {
  await world.admin.push(work, name, ...refspecs);
  await world.untilEqual(name);
}
