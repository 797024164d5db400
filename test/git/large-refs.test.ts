// 100,000 refs: the first mirror, one commit after it in full and narrow, nothing to do, and the memory they take.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { git } from "../support/git.ts";
import { makeManyRefs } from "../support/large-repositories.ts";
import { commit, resolve } from "../support/repositories.ts";
import { gerritMirror } from "./command.ts";
import { named, type Story, startStory } from "./story.ts";

const MAIN = "refs/heads/main";
const PEAK_MEGABYTES = 180;

describe("100,000 refs", () => {
  let story: Story;
  const words = () => ["mirror", "--from", story.urlOf("source"), "--to", story.urlOf("mirror"), "--json"];

  beforeAll(async () => {
    story = await startStory();
    await makeManyRefs(story.source, 99_998); // and main and v1
  });
  afterAll(() => story[Symbol.asyncDispose]());

  test("are mirrored first in one push", { timeout: 120_000 }, async () => {
    const run = await gerritMirror(words(), { watchMemory: true });
    expect(run.code).toBe(0);
    const { outcome, refs } = run.json() as { outcome: string; refs: unknown[] };
    expect([outcome, refs.length]).toEqual(["equal", 100_000]);
    expect(run.peakMegabytes).toBeLessThan(PEAK_MEGABYTES);
    expect(story.requests("mirror", "receive-pack")).toHaveLength(1);
    // As a host keeps them: so many files are slow for git itself.
    await git(["-C", story.mirror, "pack-refs", "--all"]);
    await story.prove();
  });

  test("one commit after it moves one ref", { timeout: 60_000 }, async () => {
    const next = await commit(story.source, { message: "after it" });
    const run = await gerritMirror(words(), { watchMemory: true });
    expect(run.json()).toMatchObject({ outcome: "equal", refs: [{ ref: MAIN, new: next, outcome: "applied" }] });
    expect(run.peakMegabytes).toBeLessThan(PEAK_MEGABYTES);
    await story.prove();
  });

  test("a narrow run beside them reads the named ref alone", { timeout: 60_000 }, async () => {
    const next = await commit(story.source, { message: "named" });
    story.forget();
    const { report } = await story.narrow([named(MAIN)]);
    expect(report).toMatchObject({ outcome: "equal", scope: "narrow", refs: [{ new: next }] });
    const lists = story.server.requests.filter(({ service }) => service === "ls-refs");
    for (const { responseBytes } of lists) expect(responseBytes).toBeLessThan(1_000);
    expect(await resolve(story.mirror, MAIN)).toBe(next);
  });

  test("nothing to do sends nothing", { timeout: 60_000 }, async () => {
    const run = await gerritMirror(words());
    expect(run.json()).toMatchObject({ outcome: "equal", refs: [], requests: { source: 2, mirror: 2 } });
  });
});
