// First contact: which mirrors are another project's, told from those that are merely behind.
import { describe, expect, test } from "vitest";
import { commit, deleteRef, refsOf, resolve } from "../support/repositories.ts";
import { type Story, startStory } from "./story.ts";

const MAIN = "refs/heads/main";

/** Runs as a first contact does; no tag is there that both sides would show. */
const contact = (story: Story) => story.run({ refuseForeign: true });

describe("a mirror of one branch", () => {
  test("that is merely behind is not foreign: the source knows its value", async () => {
    await using story = await startStory();
    await deleteRef(story.source, "refs/tags/v1");
    await story.run();
    for (const message of ["three", "four"]) await commit(story.source, { message });
    story.forget();
    expect((await contact(story)).report.outcome).toBe("equal");
    // The question and the pack.
    expect(story.requests("source", "fetch")).toHaveLength(2);
    await story.prove();
  });

  test("that is behind on a branch that has gone at the source is not foreign either", async () => {
    await using story = await startStory();
    await deleteRef(story.source, "refs/tags/v1");
    await commit(story.source, { branch: "old", parents: [MAIN], message: "old" });
    await story.run();
    await deleteRef(story.source, "refs/heads/old");
    await deleteRef(story.mirror, MAIN);
    await commit(story.source, { message: "moved" });
    expect((await contact(story)).report.outcome).toBe("equal");
    await story.prove();
  });

  test("whose history the source does not know is foreign, and is left as it is", async () => {
    await using story = await startStory();
    await commit(story.mirror, { parents: [], message: "another project" });
    await commit(story.mirror, { message: "and more of it" });
    await expectForeign(story);
  });
});

describe("an empty source", () => {
  test("does not empty a filled mirror", async () => {
    await using story = await startStory({ empty: true });
    await commit(story.mirror, { parents: [], message: "another project" });
    await expectForeign(story);
    expect(story.requests("source", "fetch")).toEqual([]);
  });
});

test("a mirror that shares a tip is not asked about", async () => {
  await using story = await startStory();
  await story.run();
  await commit(story.source, { branch: "dev", parents: [MAIN], message: "dev" });
  story.forget();
  expect((await contact(story)).report.outcome).toBe("equal");
  expect(story.requests("source", "fetch")).toHaveLength(1);
  expect(await resolve(story.mirror, "refs/heads/dev")).toBe(await resolve(story.source, "refs/heads/dev"));
});

async function expectForeign(story: Story): Promise<void> {
  const before = await refsOf(story.mirror);
  const { report } = await contact(story);
  expect(report).toMatchObject({ outcome: "failed", error: { code: "foreign" }, refs: [] });
  expect(await refsOf(story.mirror)).toEqual(before);
  expect(story.requests("mirror", "receive-pack")).toEqual([]);
}
