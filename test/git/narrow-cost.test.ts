// What a narrow run costs: its requests and their order, the bytes beside many refs, the pack for a new ref of a large repository.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RequestRecord } from "../support/git-server.ts";
import { makeBig, makeManyRefs } from "../support/large-repositories.ts";
import { commit, deleteRef, resolve, symbolicRef, tag, updateRef } from "../support/repositories.ts";
import { named, type Story, startStory } from "./story.ts";

const MAIN = "refs/heads/main";

describe("requests", () => {
  test("a warm one-commit update has six, three round trips one after the other and the reading back", async () => {
    await using story = await startStory();
    await story.run();
    await commit(story.source, { message: "warm" });
    await story.narrow([named(MAIN)]);
    await commit(story.source, { message: "measured" });
    story.forget();
    const { report } = await story.narrow([named(MAIN)]);
    expect(report).toMatchObject({ outcome: "equal", scope: "narrow", requests: { source: 3, mirror: 3 } });
    expect(
      story
        .requests("source")
        .map(({ service }) => service)
        .sort(),
    ).toEqual(["fetch", "ls-refs", "ls-refs"]);
    expect(story.requests("mirror").map(({ service }) => service)).toEqual(["ls-refs", "receive-pack", "ls-refs"]);
    const [sourceList, secondLook] = story.requests("source", "ls-refs");
    const [mirrorList, readBack] = story.requests("mirror", "ls-refs");
    const [fetch] = story.requests("source", "fetch");
    const [push] = story.requests("mirror", "receive-pack");
    expect(isAfter(fetch, sourceList, mirrorList)).toBe(true);
    expect(isAfter(secondLook, sourceList, mirrorList)).toBe(true);
    expect(isAfter(push, fetch, secondLook)).toBe(true);
    expect(isAfter(readBack, push)).toBe(true);
    // Both readings, and the fetch and the second look, run side by side.
    expect(isAfter(mirrorList, sourceList) || isAfter(sourceList, mirrorList)).toBe(false);
    expect(isAfter(secondLook, fetch) || isAfter(fetch, secondLook)).toBe(false);
  });

  test("a cold one asks once for what each service can do", async () => {
    await using story = await startStory();
    await story.run();
    await commit(story.source, { message: "cold" });
    story.memory.uploads.drop(story.urlOf("source"));
    story.memory.uploads.drop(story.urlOf("mirror"));
    story.memory.pushes.drop(story.urlOf("mirror"));
    const { report } = await story.narrow([named(MAIN)]);
    expect(report).toMatchObject({ outcome: "equal", requests: { source: 4, mirror: 5 } });
  });

  test("a ref that is equal by now costs one list on each side", async () => {
    await using story = await startStory();
    await story.run();
    const { report } = await story.narrow([named(MAIN)]);
    expect(report).toMatchObject({ outcome: "equal", refs: [], requests: { source: 1, mirror: 1 } });
  });

  test("a deletion needs no fetch", async () => {
    await using story = await startStory();
    await commit(story.source, { branch: "gone", parents: [MAIN], message: "gone" });
    await story.run();
    await deleteRef(story.source, "refs/heads/gone");
    const { report } = await story.narrow([named("refs/heads/gone", { deleted: true })]);
    expect(report).toMatchObject({ outcome: "equal", requests: { source: 2, mirror: 3 } });
  });
});

describe("beside many refs", () => {
  const bytesOf = (records: readonly RequestRecord[]) =>
    records.reduce((sum, { requestBytes, responseBytes }) => sum + requestBytes + responseBytes, 0);

  /** Bytes of a narrow update, creation and deletion with so many other refs on both sides. */
  const measure = async (refs: number, warm: boolean) => {
    await using story = await startStory();
    await story.run();
    // Made on both sides alike: pushed refs would be so many files.
    for (const repo of [story.source, story.mirror]) await makeManyRefs(repo, refs);
    await story.run();
    await commit(story.source, { message: "moved" });
    await commit(story.source, { branch: "new", parents: [MAIN], message: "new" });
    if (!warm) for (const cache of [story.memory.uploads, story.memory.pushes]) cache.drop(story.urlOf("mirror"));
    story.forget();
    const made = await story.narrow([named(MAIN), named("refs/heads/new")]);
    expect(made.report).toMatchObject({ outcome: "equal", scope: "narrow" });
    await deleteRef(story.source, "refs/heads/new");
    const gone = await story.narrow([named("refs/heads/new", { deleted: true })]);
    expect(gone.report).toMatchObject({ outcome: "equal", scope: "narrow" });
    return bytesOf(story.server.requests);
  };

  test("the bytes of 10 and of 20,000 are the same in a warm process", async () => {
    const few = await measure(10, true);
    const many = await measure(20_000, true);
    expect(Math.abs(many - few)).toBeLessThan(200);
  });

  test("a cold process reads a receive-pack's long list only as far as it needs", async () => {
    // 20,000 refs are 1.3 MB of advertisement; what is on its way in sockets when it is cut counts too.
    expect(await measure(20_000, false)).toBeLessThan(1_000_000);
  });
});

describe("a new ref on a large repository", () => {
  const LARGE = 40 * 1024 * 1024;
  let story: Story;

  beforeAll(async () => {
    story = await startStory({ empty: true });
    await makeBig(story.source, LARGE, { branch: "develop" });
    await commit(story.source, { branch: "main", parents: [], files: { README: "small\n" } });
    expect((await story.run()).report.outcome).toBe("equal");
  });
  afterAll(() => story[Symbol.asyncDispose]());

  test("the first mirror of it streams", () => {
    const [push] = story.requests("mirror", "receive-pack");
    expect(push?.headers["transfer-encoding"]).toBe("chunked");
    expect(push?.requestBytes).toBeGreaterThan(LARGE);
  });

  test("a branch and a tag from the mirror's HEAD cost what is new in them", async () => {
    await symbolicRef(story.mirror, "HEAD", "refs/heads/develop");
    await commit(story.source, { branch: "feature", parents: ["refs/heads/develop"], files: { "f.txt": "new\n" } });
    await tag(story.source, "release", "refs/heads/develop~5");
    const { report } = await story.narrow([named("refs/heads/feature"), named("refs/tags/release")]);
    expect(report).toMatchObject({ outcome: "equal", scope: "narrow" });
    expect(report.bytes.fetched).toBeLessThan(20_000);
    await story.prove();
  });

  test.each([
    ["an unrelated branch", MAIN],
    ["nothing", "refs/heads/nowhere"],
  ])("where the mirror's HEAD shows %s, its other branches are the base", async (_what, head) => {
    await symbolicRef(story.mirror, "HEAD", head);
    const name = `beside-${head.length}`;
    await commit(story.source, { branch: name, parents: ["refs/heads/develop"], files: { "g.txt": `${name}\n` } });
    await updateRef(story.source, `refs/tags/${name}`, await resolve(story.source, "refs/heads/develop~7"));
    const { report } = await story.narrow([named(`refs/heads/${name}`), named(`refs/tags/${name}`)]);
    expect(report).toMatchObject({ outcome: "equal", scope: "narrow" });
    expect(report.bytes.sent).toBeLessThan(20_000);
    expect(report.bytes.fetched).toBeLessThan(4 * 1024 * 1024);
    await story.prove();
  });
});

function isAfter(later: RequestRecord | undefined, ...earlier: (RequestRecord | undefined)[]): boolean {
  return earlier.every((record) => record !== undefined && later !== undefined && later.startedAt >= record.endedAt);
}
