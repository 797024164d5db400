// Tags on real servers: moved, annotated, nested, deleted, of trees and blobs, thousands at once, and refs to known objects.
import { describe, expect, test } from "vitest";
import { makeManyRefs } from "../support/large-repositories.ts";
import { commit, deleteRef, hasObject, resolve, tag, updateRef, writeBlob } from "../support/repositories.ts";
import { entryOf, named, startStory } from "./story.ts";

const MAIN = "refs/heads/main";

describe("tags", () => {
  test.each(["full", "narrow"] as const)("new, moved, annotated, nested and deleted (%s)", async (scope) => {
    await using story = await startStory();
    const run = (refs: Parameters<typeof story.narrow>[0]) => story.run({ scope, named: refs });
    await story.run();
    const first = await resolve(story.source, `${MAIN}^`);
    await updateRef(story.source, "refs/tags/light", first);
    const annotated = await tag(story.source, "annotated", first);
    const nested = await tag(story.source, "nested", "refs/tags/annotated");
    const refs = ["light", "annotated", "nested"].map((name) => named(`refs/tags/${name}`));
    const made = await run(refs);
    expect(made.report).toMatchObject({ outcome: "equal", scope });
    expect(entryOf(made, "refs/tags/annotated")).toMatchObject({ new: annotated });
    expect(entryOf(made, "refs/tags/nested")).toMatchObject({ new: nested });
    await story.prove();

    await tag(story.source, "annotated", MAIN, "moved");
    await tag(story.source, "nested", "refs/tags/annotated", "moved too");
    await updateRef(story.source, "refs/tags/light", await resolve(story.source, MAIN));
    const moved = await run(refs);
    expect(moved.report.refs.map(({ kind, outcome }) => [kind, outcome])).toEqual(Array(3).fill(["update", "applied"]));
    await story.prove();

    // The tag of a tag stays and keeps the deleted one's object.
    await deleteRef(story.source, "refs/tags/annotated");
    await deleteRef(story.source, "refs/tags/light");
    const gone = await run(["light", "annotated"].map((name) => named(`refs/tags/${name}`, { deleted: true })));
    expect(gone.report).toMatchObject({ outcome: "equal", bytes: { fetched: 0, sent: 0 } });
    await story.prove();
  });

  test("tags of trees and blobs, plain and annotated", async () => {
    await using story = await startStory();
    await story.run();
    const blob = await writeBlob(story.source, "held by a tag alone\n");
    await updateRef(story.source, "refs/tags/blob", blob);
    await updateRef(story.source, "refs/tags/tree", await resolve(story.source, `${MAIN}^{tree}`));
    await tag(story.source, "blob-annotated", await writeBlob(story.source, "held by an annotated tag\n"));
    await tag(story.source, "tree-annotated", `${MAIN}^^{tree}`);
    const { report } = await story.narrow([
      named("refs/tags/blob"),
      named("refs/tags/tree"),
      named("refs/tags/blob-annotated"),
    ]);
    expect(report.outcome).toBe("equal");
    expect(await hasObject(story.mirror, blob)).toBe(true);
    expect((await story.run()).report.refs.map(({ ref }) => ref)).toEqual(["refs/tags/tree-annotated"]);
    await story.prove();
  });

  test("a tag becomes a branch's name with a slash in both rooms", async () => {
    await using story = await startStory();
    await story.run();
    await tag(story.source, "x/y", MAIN);
    await updateRef(story.source, "refs/heads/x", await resolve(story.source, MAIN));
    expect((await story.narrow([named("refs/heads/x"), named("refs/tags/x/y")])).report).toMatchObject({
      outcome: "equal",
      scope: "narrow",
    });
    await story.prove();
  });

  test("5,000 new tags are one receive-pack request", async () => {
    await using story = await startStory();
    await story.run();
    await makeManyRefs(story.source, 5_000, { prefix: "refs/tags/build-" });
    story.forget();
    const { report } = await story.run();
    expect(report).toMatchObject({ outcome: "equal" });
    expect(report.refs).toHaveLength(5_001); // and main, which the tags show
    expect(story.requests("mirror", "receive-pack")).toHaveLength(1);
    expect(story.requests("source", "fetch")).toHaveLength(1);
    await story.prove();
  });
});

describe("objects that the mirror already has are not sent again", () => {
  test("a branch and a tag at a tip of the mirror need no fetch", async () => {
    await using story = await startStory();
    await story.run();
    const tip = await resolve(story.source, MAIN);
    await updateRef(story.source, "refs/heads/same", tip);
    await updateRef(story.source, "refs/tags/same", tip);
    story.forget();
    const { report } = await story.narrow([named("refs/heads/same"), named("refs/tags/same")]);
    expect(report).toMatchObject({ outcome: "equal", bytes: { fetched: 0, sent: 32 } });
    expect(story.requests("source", "fetch")).toEqual([]);
    await story.prove();
  });

  test.each(["full", "narrow"] as const)(
    "an older commit of the mirror's history costs an empty pack (%s)",
    async (scope) => {
      await using story = await startStory();
      await story.run();
      await updateRef(story.source, "refs/heads/older", await resolve(story.source, `${MAIN}^`));
      const { report } = await story.run({ scope, named: [named("refs/heads/older")] });
      expect(report).toMatchObject({ outcome: "equal", bytes: { fetched: 32, sent: 32 } });
      await story.prove();
    },
  );

  test("a branch that goes back to an older commit costs an empty pack", async () => {
    await using story = await startStory();
    await story.run();
    await updateRef(story.source, MAIN, await resolve(story.source, `${MAIN}^`));
    const { report } = await story.run();
    expect(report).toMatchObject({ outcome: "equal", bytes: { fetched: 32, sent: 32 } });
    await story.prove();
  });

  test("one commit after a large file sends the commit alone", async () => {
    await using story = await startStory();
    await commit(story.source, { files: { "large.bin": Buffer.alloc(300_000, "0123456789abcdef!") } });
    await story.run();
    await commit(story.source, { files: { "a.txt": "small\n" } });
    const { report } = await story.run();
    expect(report.outcome).toBe("equal");
    expect(report.bytes.sent).toBeLessThan(1_000);
    await story.prove();
  });
});
