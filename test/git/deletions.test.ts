// Deletions that are announced, held and approved: the last branch, a mass disappearance, a HEAD that points nowhere.
import { describe, expect, test } from "vitest";
import { git } from "../support/git.ts";
import { commit, deleteRef, refsOf, resolve, symbolicRef, tag, updateRef } from "../support/repositories.ts";
import { entryOf, named, startStory } from "./story.ts";

const MAIN = "refs/heads/main";

describe("the last branch is deleted", () => {
  const emptied = async () => {
    const story = await startStory({ server: { config: { "receive.denyDeleteCurrent": "ignore" } } });
    await deleteRef(story.source, "refs/tags/v1");
    await story.run();
    await deleteRef(story.source, MAIN);
    return story;
  };

  test("announced, it is done", async () => {
    await using story = await emptied();
    const { report } = await story.narrow([named(MAIN, { deleted: true })]);
    expect(report).toMatchObject({ outcome: "equal", refs: [{ ref: MAIN, outcome: "applied", reason: "announced" }] });
    expect((await refsOf(story.mirror)).size).toBe(0);
  });

  test("announced in a job that reads in full, it is done too", async () => {
    await using story = await emptied();
    const { report } = await story.run({ named: [named(MAIN, { deleted: true })] });
    expect(report).toMatchObject({ outcome: "equal", refs: [{ ref: MAIN, outcome: "applied", reason: "announced" }] });
    await story.prove();
  });

  test("unannounced, it is held until exactly its digest is given", async () => {
    await using story = await emptied();
    const old = await resolve(story.mirror, MAIN);
    const held = await story.run();
    expect(held.report).toMatchObject({
      outcome: "failed",
      refs: [{ ref: MAIN, kind: "delete", old, outcome: "held", reason: "guarded" }],
      deletions: { count: 1, held: true },
      error: { code: "guarded" },
    });
    const digest = held.report.deletions?.digest ?? "";
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(held.report.error?.remedy).toContain(digest);
    const other = await story.run({ allowDeletes: "0".repeat(64) });
    expect(other.report).toMatchObject({ error: { code: "guarded" }, deletions: { digest, held: true } });
    expect(await resolve(story.mirror, MAIN)).toBe(old);
    expect(story.requests("mirror", "receive-pack")).toHaveLength(1); // the first mirror's
    const approved = await story.run({ allowDeletes: digest });
    expect(approved.report).toMatchObject({ outcome: "equal", refs: [{ outcome: "applied", reason: "approved" }] });
    await story.prove();
  });

  test("a digest of other values approves nothing", async () => {
    await using story = await emptied();
    const { report } = await story.run();
    await commit(story.mirror, { message: "someone else's work" });
    const again = await story.run({ allowDeletes: report.deletions?.digest ?? "" });
    expect(again.report).toMatchObject({ error: { code: "guarded" }, deletions: { held: true } });
    expect((await refsOf(story.mirror)).size).toBe(1);
  });
});

describe("the guard on a full run", () => {
  test("a mass disappearance is held and everything else goes on", async () => {
    await using story = await startStory();
    for (let n = 0; n < 10; n++) await commit(story.source, { branch: `b${n}`, parents: [MAIN], message: `${n}` });
    await story.run();
    for (let n = 0; n < 9; n++) await deleteRef(story.source, `refs/heads/b${n}`);
    await commit(story.source, { files: { "c.txt": "three\n" } });
    await commit(story.source, { branch: "new", parents: [MAIN], message: "new" });
    const { report } = await story.run();
    expect(report).toMatchObject({
      outcome: "partial",
      deletions: { count: 9, held: true },
      error: { code: "guarded" },
    });
    const mirrored = await refsOf(story.mirror);
    expect(mirrored.size).toBe(13);
    for (const [ref, oid] of await refsOf(story.source)) expect(mirrored.get(ref)).toBe(oid);
    const approved = await story.run({ allowDeletes: report.deletions?.digest ?? "" });
    expect(approved.report.outcome).toBe("equal");
    await story.prove();
  });

  test("a name below a held one waits for it, and the report says so", async () => {
    await using story = await startStory();
    for (let n = 0; n < 4; n++) await commit(story.source, { branch: `b${n}`, parents: [MAIN], message: `${n}` });
    await story.run();
    for (let n = 0; n < 4; n++) await deleteRef(story.source, `refs/heads/b${n}`);
    await updateRef(story.source, "refs/heads/b1/below", await resolve(story.source, MAIN));
    const result = await story.run();
    expect(entryOf(result, "refs/heads/b1/below")).toMatchObject({ outcome: "held", reason: "blocked" });
    const approved = await story.run({ allowDeletes: result.report.deletions?.digest ?? "" });
    expect(approved.report.outcome).toBe("equal");
    await story.prove();
  });
});

describe("a source whose HEAD points nowhere", () => {
  test("is mirrored; only unannounced deletions are held", async () => {
    await using story = await startStory();
    await symbolicRef(story.source, "HEAD", "refs/heads/nowhere");
    await commit(story.source, { branch: "dev", parents: [MAIN], message: "dev" });
    expect((await story.run()).report.outcome).toBe("equal");
    await commit(story.source, { files: { "c.txt": "three\n" } });
    expect((await story.narrow([named(MAIN)])).report.outcome).toBe("equal");
    await story.prove();
    await deleteRef(story.source, "refs/heads/dev");
    const held = await story.run();
    expect(held.report).toMatchObject({ outcome: "partial", error: { code: "guarded" }, deletions: { count: 1 } });
    expect((await story.narrow([named("refs/heads/dev", { deleted: true })])).report.outcome).toBe("equal");
    await story.prove();
  });

  test("a mirror whose HEAD points nowhere takes everything too", async () => {
    await using story = await startStory();
    await symbolicRef(story.mirror, "HEAD", "refs/heads/nowhere");
    await story.run();
    await commit(story.source, { branch: "dev", parents: [MAIN], message: "dev" });
    await tag(story.source, "v2", "refs/heads/dev");
    expect((await story.narrow([named("refs/heads/dev"), named("refs/tags/v2")])).report.outcome).toBe("equal");
    await story.prove();
    expect((await git(["-C", story.mirror, "rev-parse", "--symbolic-full-name", "HEAD"])).toString()).toContain("HEAD");
  });
});
