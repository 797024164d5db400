// Refs that move while a run reads, fetches and pushes, and two runs on one mirror at once.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { git } from "../support/git.ts";
import { commit, deleteRef, installHook, refsOf, resolve, updateRef } from "../support/repositories.ts";
import { atRequest, entryOf, named, type Story, startStory } from "./story.ts";

const MAIN = "refs/heads/main";

/** The hook writes down every value that a push gave a ref; the returned function reads them. */
async function keepHistory(story: Story): Promise<(ref: string) => Promise<string[]>> {
  const log = join(story.folder, "history");
  await installHook(story.mirror, "post-receive", `#!/bin/sh\ncat >> '${log}'\n`);
  return async (ref) => {
    const lines = (await readFile(log, "latin1").catch(() => "")).split("\n");
    return lines.filter((line) => line.endsWith(` ${ref}`)).map((line) => line.split(" ")[1] ?? "");
  };
}

describe("two runs on one mirror at once", () => {
  test.each(["full", "narrow"] as const)("the slow one never puts an old value over the newer (%s)", async (scope) => {
    await using story = await startStory();
    await story.run();
    const history = await keepHistory(story);
    await commit(story.source, { message: "older" });
    const request = { scope, named: [named(MAIN)] };
    let newer = "";
    story.hooks.push(
      atRequest({ side: "mirror", service: "receive-pack" }, async () => {
        newer = await commit(story.source, { message: "newer" });
        expect((await story.run(request)).report.outcome).toBe("equal");
      }),
    );
    const slow = await story.run(request);
    expect(slow.report.outcome).toBe("equal");
    expect(await history(MAIN)).toEqual([newer]);
    await story.prove();
  });

  test("a slow run whose value was forced back meanwhile does not bring it again", async () => {
    await using story = await startStory();
    await story.run();
    const history = await keepHistory(story);
    const base = await resolve(story.source, MAIN);
    await commit(story.source, { message: "withdrawn" });
    let forced = "";
    // Between the slow run's reading and its second look another run pushes the newer value.
    story.hooks.push(
      atRequest({ side: "source", service: "ls-refs", from: 2 }, async () => {
        forced = await commit(story.source, { parents: [base], message: "forced" });
        expect((await story.run()).report.outcome).toBe("equal");
      }),
    );
    expect((await story.run()).report.outcome).toBe("equal");
    expect(await history(MAIN)).toEqual([forced]);
    await story.prove();
  });

  test("both push the same value at the same time and both end equal", async () => {
    await using story = await startStory();
    await story.run();
    await commit(story.source, { message: "once" });
    const results = await Promise.all([story.run(), story.narrow([named(MAIN)]), story.run()]);
    for (const { report } of results) expect(report.error).toBeUndefined();
    await story.prove();
  });

  test("two first mirrors at once", async () => {
    await using story = await startStory();
    for (let n = 0; n < 20; n++) await commit(story.source, { branch: `b${n}`, parents: [MAIN], message: `${n}` });
    const results = await Promise.all([story.run(), story.run()]);
    for (const { report } of results) expect(report.error).toBeUndefined();
    await story.prove();
  });
});

describe("a ref moves at the source", () => {
  test.each(["full", "narrow"] as const)("before the second look: planned again (%s)", async (scope) => {
    await using story = await startStory();
    await story.run();
    const history = await keepHistory(story);
    await commit(story.source, { message: "first" });
    let last = "";
    story.hooks.push(
      atRequest({ side: "source", service: "ls-refs", from: 2 }, async () => {
        last = await commit(story.source, { message: "moved" });
      }),
    );
    const { report } = await story.run({ scope, named: [named(MAIN)] });
    expect(report.outcome).toBe("equal");
    expect(await history(MAIN)).toEqual([last]);
    await story.prove();
  });

  test("a branch about to be deleted comes back: it is not deleted", async () => {
    await using story = await startStory();
    const oid = await commit(story.source, { branch: "back", parents: [MAIN], message: "back" });
    await story.run();
    const history = await keepHistory(story);
    await deleteRef(story.source, "refs/heads/back");
    story.hooks.push(
      atRequest({ side: "source", service: "ls-refs", from: 2 }, () => updateRef(story.source, "refs/heads/back", oid)),
    );
    expect((await story.narrow([named("refs/heads/back", { deleted: true })])).report.outcome).toBe("equal");
    expect(await history("refs/heads/back")).toEqual([]);
    await story.prove();
  });

  test("a branch about to be made is gone: it is not made", async () => {
    await using story = await startStory();
    await story.run();
    const history = await keepHistory(story);
    await commit(story.source, { branch: "brief", parents: [MAIN], message: "brief" });
    story.hooks.push(
      atRequest({ side: "source", service: "ls-refs", from: 2 }, () => deleteRef(story.source, "refs/heads/brief")),
    );
    expect((await story.run()).report.outcome).toBe("equal");
    expect(await history("refs/heads/brief")).toEqual([]);
    await story.prove();
  });

  test.each(["full", "narrow"] as const)("a want was forced away and collected: listed again (%s)", async (scope) => {
    await using story = await startStory();
    await story.run();
    const base = await resolve(story.source, MAIN);
    await commit(story.source, { message: "will vanish" });
    story.hooks.push(
      atRequest({ side: "source", service: "fetch" }, async () => {
        await commit(story.source, { parents: [base], message: "forced" });
        await git(["-C", story.source, "-c", "gc.reflogExpire=now", "gc", "--quiet", "--prune=now"]);
      }),
    );
    const { report } = await story.run({ scope, named: [named(MAIN)] });
    expect(report.error).toBeUndefined();
    expect(report.outcome).toBe("equal");
    expect(story.requests("source", "fetch").length).toBeGreaterThanOrEqual(2);
    await story.prove();
  });

  test("one that moves without end is busy, and nothing was pushed", async () => {
    await using story = await startStory();
    await story.run();
    const before = await refsOf(story.mirror);
    await commit(story.source, { message: "first" });
    const history = await keepHistory(story);
    let looks = 0;
    story.hooks.push(
      atRequest({ side: "source", service: "ls-refs", from: 2, to: 100 }, async () => {
        if (++looks % 2 === 1) await commit(story.source, { message: "again" });
      }),
    );
    const { report } = await story.run();
    expect(report).toMatchObject({ outcome: "failed", error: { code: "busy" } });
    expect(await history(MAIN)).toEqual([]);
    expect(await refsOf(story.mirror)).toEqual(before);
  });
});

describe("a ref moves at the mirror between reading and push", () => {
  const disturb = async (times: number) => {
    const story = await startStory();
    await story.run();
    await commit(story.source, { message: "wanted" });
    story.forget();
    let lost = "";
    story.hooks.push(
      atRequest({ side: "mirror", service: "receive-pack", to: times }, async (time) => {
        lost = await commit(story.mirror, { files: { "theirs.txt": `${time}\n` }, message: "theirs" });
      }),
    );
    return { story, lost: () => lost };
  };

  test.each(["full", "narrow"] as const)(
    "three times: it is done, and the report names what was lost (%s)",
    async (scope) => {
      const { story, lost } = await disturb(3);
      await using _ = story;
      const result = await story.run({ scope, named: [named(MAIN)] });
      expect(result.report.outcome).toBe("equal");
      expect(entryOf(result, MAIN)).toMatchObject({ old: lost(), outcome: "applied" });
      expect(story.requests("mirror", "receive-pack")).toHaveLength(4);
      await story.prove();
    },
  );

  test("four times: busy, to be tried again later", async () => {
    const { story, lost } = await disturb(4);
    await using _ = story;
    const result = await story.run();
    expect(result.report.outcome).not.toBe("equal");
    expect(result.report.error?.code).toBe("busy");
    expect(await resolve(story.mirror, MAIN)).toBe(lost());
    expect((await story.run()).report.outcome).toBe("equal");
    await story.prove();
  });

  test("to the wanted value by someone else: equal", async () => {
    await using story = await startStory();
    await story.run();
    await commit(story.source, { message: "wanted" });
    story.hooks.push(
      atRequest({ side: "mirror", service: "receive-pack" }, () =>
        git(["-C", story.mirror, "fetch", "--quiet", story.source, `+${MAIN}:${MAIN}`]),
      ),
    );
    expect((await story.run()).report.outcome).toBe("equal");
    await story.prove();
  });

  test("others of the same push go through in the first round", async () => {
    const { story } = await disturb(1);
    await using _ = story;
    const history = await keepHistory(story);
    const dev = await commit(story.source, { branch: "dev", parents: [MAIN], message: "dev" });
    const result = await story.run();
    expect(result.report.outcome).toBe("equal");
    expect(result.report.refs.map(({ ref, outcome }) => [ref, outcome]).sort()).toEqual([
      ["refs/heads/dev", "applied"],
      [MAIN, "applied"],
    ]);
    expect(await history("refs/heads/dev")).toEqual([dev]);
    await story.prove();
  });
});
