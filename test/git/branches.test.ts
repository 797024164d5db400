// Branches on real servers: made, moved, renamed, forced, deleted, and nested under another's name.
import { describe, expect, test } from "vitest";
import { commit, deleteRef, resolve, updateRef } from "../support/repositories.ts";
import { entryOf, named, startStory } from "./story.ts";

const MAIN = "refs/heads/main";

describe("a first mirror and what follows it", () => {
  test("a first mirror has every ref and every object", async () => {
    await using story = await startStory();
    const { report, equalSince } = await story.run();
    expect(report.error).toBeUndefined();
    expect(report).toMatchObject({ outcome: "equal", scope: "full", engine: "relay" });
    expect(report.refs.map(({ ref, kind, outcome, reason }) => [ref, kind, outcome, reason])).toEqual([
      [MAIN, "create", "applied", "missing"],
      ["refs/tags/v1", "create", "applied", "missing"],
    ]);
    expect(report.bytes.fetched).toBeGreaterThan(32);
    expect(report.bytes.sent).toBe(report.bytes.fetched);
    expect(equalSince).toBeTypeOf("number");
    await story.prove();
  });

  test("a second run finds nothing to do and sends nothing", async () => {
    await using story = await startStory();
    await story.run();
    story.forget();
    const { report } = await story.run();
    expect(report).toMatchObject({ outcome: "equal", refs: [], bytes: { fetched: 0, sent: 0 } });
    expect(story.server.requests.map(({ service }) => service)).toEqual(["ls-refs", "ls-refs"]);
  });

  test.each(["full", "narrow"] as const)("one commit moves one ref (%s)", async (scope) => {
    await using story = await startStory();
    await story.run();
    const old = await resolve(story.source, MAIN);
    const next = await commit(story.source, { files: { "c.txt": "three\n" } });
    const { report } = await story.run({ scope, named: [named(MAIN, { old })] });
    expect(report.refs).toEqual([{ ref: MAIN, kind: "update", old, new: next, outcome: "applied", reason: "differs" }]);
    expect(report).toMatchObject({ outcome: "equal", scope });
    await story.prove();
  });

  test("an empty source and an empty mirror are equal without a push", async () => {
    await using story = await startStory({ empty: true });
    const { report } = await story.run();
    expect(report).toMatchObject({ outcome: "equal", refs: [], bytes: { fetched: 0, sent: 0 } });
    expect(story.requests("mirror", "receive-pack")).toEqual([]);
  });
});

describe("branches that come and go", () => {
  test.each(["full", "narrow"] as const)("a new branch appears (%s)", async (scope) => {
    await using story = await startStory();
    await story.run();
    await commit(story.source, { branch: "dev", parents: [MAIN], files: { "d.txt": "dev\n" } });
    const { report } = await story.run({ scope, named: [named("refs/heads/dev")] });
    expect(report).toMatchObject({ outcome: "equal", scope, refs: [{ ref: "refs/heads/dev", kind: "create" }] });
    await story.prove();
  });

  test("a deleted branch disappears: gone in a full run, announced in a narrow one", async () => {
    await using story = await startStory();
    for (const branch of ["one", "two"]) await commit(story.source, { branch, parents: [MAIN], message: branch });
    await story.run();
    await deleteRef(story.source, "refs/heads/one");
    const full = await story.run();
    expect(entryOf(full, "refs/heads/one")).toMatchObject({ kind: "delete", outcome: "applied", reason: "gone" });
    await deleteRef(story.source, "refs/heads/two");
    const narrow = await story.narrow([named("refs/heads/two", { deleted: true })]);
    expect(narrow.report.scope).toBe("narrow");
    expect(entryOf(narrow, "refs/heads/two")).toMatchObject({ outcome: "applied", reason: "announced" });
    expect(narrow.report.bytes).toEqual({ fetched: 0, sent: 0 });
    await story.prove();
  });

  test("a narrow run never deletes what no event announced: it reads in full", async () => {
    await using story = await startStory();
    await commit(story.source, { branch: "one", parents: [MAIN] });
    await story.run();
    await deleteRef(story.source, "refs/heads/one");
    const result = await story.narrow([named("refs/heads/one")]);
    expect(result.report).toMatchObject({ outcome: "equal", scope: "full" });
    expect(entryOf(result, "refs/heads/one")).toMatchObject({ outcome: "applied", reason: "gone" });
    await story.prove();
  });

  test("a deletion that was announced and taken back deletes nothing", async () => {
    await using story = await startStory();
    await story.run();
    const { report } = await story.narrow([named(MAIN, { deleted: true })]);
    expect(report).toMatchObject({ outcome: "equal", refs: [] });
    await story.prove();
  });

  test("a renamed branch costs an empty pack", async () => {
    await using story = await startStory();
    await commit(story.source, { branch: "old-name", parents: [MAIN], message: "renamed" });
    await story.run();
    await updateRef(story.source, "refs/heads/new-name", await resolve(story.source, "refs/heads/old-name"));
    await deleteRef(story.source, "refs/heads/old-name");
    const { report } = await story.run();
    expect(report).toMatchObject({ outcome: "equal", bytes: { fetched: 0, sent: 32 } });
    await story.prove();
  });

  test.each(["full", "narrow"] as const)("a force-push drops the old history's tip (%s)", async (scope) => {
    await using story = await startStory();
    await story.run();
    const old = await resolve(story.source, MAIN);
    await commit(story.source, { parents: [`${MAIN}^`], files: { "b.txt": "rewritten\n" } });
    const result = await story.run({ scope, named: [named(MAIN)] });
    expect(entryOf(result, MAIN)).toMatchObject({ kind: "update", old, outcome: "applied" });
    await commit(story.source, { parents: [], files: { "z.txt": "unrelated\n" } });
    expect((await story.run({ scope, named: [named(MAIN)] })).report.outcome).toBe("equal");
    await story.prove();
  });
});

describe("a becomes a/b and back", () => {
  const rename = async (repo: string, from: string, to: string) => {
    const oid = await resolve(repo, from);
    await deleteRef(repo, from);
    await updateRef(repo, to, oid);
  };
  const A = "refs/heads/a";
  const B = "refs/heads/a/b";

  test.each([
    ["in full runs", (_from: string, _to: string) => [[]]],
    ["in one narrow run", (from: string, to: string) => [[named(from, { deleted: true }), named(to)]]],
    ["in two events in order", (from: string, to: string) => [[named(from, { deleted: true })], [named(to)]]],
    ["in two events in the wrong order", (from: string, to: string) => [[named(to)], [named(from, { deleted: true })]]],
  ])("%s", async (_how, jobsOf) => {
    await using story = await startStory();
    await commit(story.source, { branch: "a", parents: [MAIN], message: "a" });
    await story.run();
    for (const [from, to] of [
      [A, B],
      [B, A],
    ] as const) {
      await rename(story.source, from, to);
      for (const job of jobsOf(from, to)) {
        const { report } = job.length === 0 ? await story.run() : await story.narrow(job);
        expect(report.error).toBeUndefined();
        expect(report.outcome).toBe("equal");
      }
      await story.prove();
    }
  });

  test("many refs below a name give way to it in one push", async () => {
    await using story = await startStory();
    const tip = await resolve(story.source, MAIN);
    await updateRef(story.source, "refs/heads/a/x", tip);
    await updateRef(story.source, "refs/heads/a/y/z", tip);
    await story.run();
    await deleteRef(story.source, "refs/heads/a/x");
    await deleteRef(story.source, "refs/heads/a/y/z");
    await updateRef(story.source, A, tip);
    story.forget();
    const { report } = await story.narrow([named(A)]);
    expect(report).toMatchObject({ outcome: "equal", scope: "full" });
    expect(story.requests("mirror", "receive-pack")).toHaveLength(1);
    await story.prove();
  });
});
