// What a mirror's host refuses, and that one refused ref never holds back the others.
import { describe, expect, test } from "vitest";
import { refusePushWith, refuseRef } from "../support/refusing-hooks.ts";
import { commit, deleteRef, refsOf, resolve, symbolicRef, updateRef } from "../support/repositories.ts";
import { entryOf, named, type Story, startStory } from "./story.ts";

const MAIN = "refs/heads/main";
const BAD = "refs/heads/topic-25";

/** 51 new branches, one commit each, one of them `topic-25`. */
async function addTopics(story: Story): Promise<void> {
  for (let n = 0; n <= 50; n++)
    await updateRef(
      story.source,
      `refs/heads/topic-${n}`,
      await resolve(story.source, n % 2 === 0 ? MAIN : `${MAIN}^`),
    );
  await commit(story.source, { branch: BAD, message: "the refused one" });
}

async function expectAllBut(story: Story, ref: string): Promise<void> {
  const source = await refsOf(story.source);
  const mirror = await refsOf(story.mirror);
  for (const [name, oid] of source) if (name !== ref) expect([name, mirror.get(name)]).toEqual([name, oid]);
  expect(mirror.get(ref)).not.toBe(source.get(ref));
}

describe("the mirror's default branch is deleted on the source", () => {
  test.each(["full", "narrow"] as const)(
    "the host refuses it, the rest goes through, the report says so (%s)",
    async (scope) => {
      await using story = await startStory();
      await story.run();
      await commit(story.source, { branch: "dev", parents: [MAIN], message: "dev" });
      await symbolicRef(story.source, "HEAD", "refs/heads/dev");
      await deleteRef(story.source, MAIN);
      const result = await story.run({ scope, named: [named(MAIN, { deleted: true }), named("refs/heads/dev")] });
      expect(result.report.outcome).toBe("partial");
      expect(result.report.error?.code).toBe("rejected");
      expect(result.report.error?.message).toContain(MAIN);
      expect(entryOf(result, MAIN)).toMatchObject({ kind: "delete", outcome: "rejected" });
      expect(entryOf(result, MAIN).reason).toMatch(/delet/);
      expect(entryOf(result, "refs/heads/dev").outcome).toBe("applied");
      await expectAllBut(story, MAIN);
      // When the host's default branch has been changed there, the next run does it.
      await symbolicRef(story.mirror, "HEAD", "refs/heads/dev");
      expect((await story.run()).report.outcome).toBe("equal");
      await story.prove();
    },
  );
});

describe("one ref is refused", () => {
  test.each([
    ["by a hook for that ref alone", (story: Story) => refuseRef(story.mirror, BAD), 1],
    ["with the whole push, by name", (story: Story) => refusePushWith(story.mirror, BAD, { named: true }), 3],
    ["with the whole push, without a name", (story: Story) => refusePushWith(story.mirror, BAD, { named: false }), 14],
  ])("%s: 50 others go through", async (_how, refuse, pushesMax) => {
    await using story = await startStory();
    await story.run();
    await addTopics(story);
    await refuse(story);
    story.forget();
    const result = await story.run();
    expect(result.report.outcome).toBe("partial");
    expect(result.report.error?.code).toBe("rejected");
    expect(entryOf(result, BAD)).toMatchObject({ kind: "create", outcome: "rejected" });
    expect(entryOf(result, BAD).reason).toContain("protected");
    expect(result.report.refs.filter(({ outcome }) => outcome === "applied")).toHaveLength(50);
    await expectAllBut(story, BAD);
    expect(story.requests("mirror", "receive-pack").length).toBeLessThanOrEqual(pushesMax);
  });

  test("a narrow run says the same", async () => {
    await using story = await startStory();
    await story.run();
    await refusePushWith(story.mirror, MAIN, { named: false });
    await commit(story.source, { message: "refused" });
    await commit(story.source, { branch: "dev", message: "taken" });
    const result = await story.narrow([named(MAIN), named("refs/heads/dev")]);
    expect(result.report).toMatchObject({ outcome: "partial", error: { code: "rejected" } });
    expect(entryOf(result, MAIN).outcome).toBe("rejected");
    expect(entryOf(result, "refs/heads/dev").outcome).toBe("applied");
    await expectAllBut(story, MAIN);
  });

  test("a refused deletion does not hold back the creations of the same push", async () => {
    await using story = await startStory();
    await commit(story.source, { branch: "old", parents: [MAIN], message: "old" });
    await story.run();
    await refusePushWith(story.mirror, "refs/heads/old", { named: false });
    await deleteRef(story.source, "refs/heads/old");
    await commit(story.source, { message: "moved" });
    await commit(story.source, { branch: "new", parents: [MAIN], message: "new" });
    const result = await story.run();
    expect(result.report).toMatchObject({ outcome: "partial", error: { code: "rejected" } });
    expect(entryOf(result, "refs/heads/old")).toMatchObject({ kind: "delete", outcome: "rejected" });
    await expectAllBut(story, "refs/heads/old");
  });

  test("a whole push refused for two reasons still lets the others through", async () => {
    const hidden = "refs/heads/hidden";
    await using story = await startStory({ server: { config: { "receive.hideRefs": hidden } } });
    await story.run();
    await addTopics(story);
    await updateRef(story.source, hidden, await resolve(story.source, MAIN));
    await refusePushWith(story.mirror, BAD, { named: false });
    const result = await story.run();
    expect(result.report).toMatchObject({ outcome: "partial", error: { code: "rejected" } });
    expect(entryOf(result, hidden)).toMatchObject({
      outcome: "rejected",
      reason: expect.stringContaining("hidden ref"),
    });
    expect(entryOf(result, BAD)).toMatchObject({ outcome: "rejected", reason: expect.stringContaining("protected") });
    expect(result.report.refs.filter(({ outcome }) => outcome === "applied")).toHaveLength(50);
  });

  test("everything refused ends after a bounded number of pushes", async () => {
    await using story = await startStory();
    await story.run();
    await addTopics(story);
    story.rules.push({
      on: "receive-pack",
      fault: { kind: "unpack-error", message: "disk full" },
      times: Number.POSITIVE_INFINITY,
    });
    const { report } = await story.run();
    expect(report.outcome).not.toBe("equal");
    expect(report.error?.code).toBe("unpack-failed");
    expect(report.error?.message).toContain("disk full");
    expect(story.requests("mirror", "receive-pack").length).toBeLessThan(50);
  });
});

describe("work on the mirror that the source does not know", () => {
  test.each(["full", "narrow"] as const)(
    "a foreign commit is overwritten and the report names the lost oid (%s)",
    async (scope) => {
      await using story = await startStory();
      await story.run();
      const lost = await commit(story.mirror, { files: { "theirs.txt": "pushed to the mirror by hand\n" } });
      const result = await story.run({ scope, named: [named(MAIN)] });
      expect(result.report.outcome).toBe("equal");
      expect(entryOf(result, MAIN)).toMatchObject({
        old: lost,
        new: await resolve(story.source, MAIN),
        outcome: "applied",
      });
      await story.prove();
    },
  );

  test("a foreign branch is deleted and the report names the lost oid", async () => {
    await using story = await startStory();
    await story.run();
    const lost = await commit(story.mirror, { branch: "theirs", parents: [MAIN], message: "theirs" });
    const result = await story.run();
    expect(entryOf(result, "refs/heads/theirs")).toMatchObject({ kind: "delete", old: lost, outcome: "applied" });
    await story.prove();
  });

  test("a mirror that shares nothing with the source is left as it is until that is wanted", async () => {
    await using story = await startStory();
    await commit(story.mirror, { parents: [], message: "another project" });
    const before = await refsOf(story.mirror);
    const { report } = await story.run({ refuseForeign: true });
    expect(report).toMatchObject({ outcome: "failed", error: { code: "foreign" }, refs: [] });
    expect(await refsOf(story.mirror)).toEqual(before);
    expect(story.requests("mirror", "receive-pack")).toEqual([]);
    expect((await story.run()).report.outcome).toBe("equal");
    await story.prove();
  });

  test("an empty mirror and one that shares a value are not foreign", async () => {
    await using story = await startStory();
    expect((await story.run({ refuseForeign: true })).report.outcome).toBe("equal");
    await commit(story.source, { message: "moved" });
    expect((await story.run({ refuseForeign: true })).report.outcome).toBe("equal");
    await story.prove();
  });
});
