// First mirrors of the sizes that the design promises, with the peak memory of the command's own process.
import { expect, test } from "vitest";
import { gerritMirror } from "../git/command.ts";
import { managedRefs, type Story, startStory } from "../git/story.ts";
import { git } from "../support/git.ts";
import { makeBig, makeManyRefs } from "../support/large-repositories.ts";

const MEGABYTE = 1024 * 1024;

async function firstMirror(story: Story) {
  const words = ["mirror", "--from", story.urlOf("source"), "--to", story.urlOf("mirror"), "--json"];
  const run = await gerritMirror(words, { watchMemory: true });
  expect(run.stderr).not.toContain("error");
  const document = run.json() as { outcome: string; refs: unknown[]; bytes: { fetched: number; sent: number } };
  expect([run.code, document.outcome]).toEqual([0, "equal"]);
  expect(story.requests("mirror", "receive-pack")).toHaveLength(1);
  return { ...document, peak: run.peakMegabytes };
}

test.each([
  [300, 64 * 1024],
  [2_048, 4 * MEGABYTE],
])("a pack of %i MB within 130 MB of memory", async (megabytes, blobBytes) => {
  await using story = await startStory();
  await makeBig(story.source, megabytes * MEGABYTE, { blobBytes });
  const { bytes, peak } = await firstMirror(story);
  expect(bytes.sent).toBeGreaterThan(megabytes * MEGABYTE);
  expect(bytes.fetched).toBe(bytes.sent);
  expect(peak).toBeLessThanOrEqual(130);
  await story.prove();
});

test("a pack of 60 MB with 10,000 refs within 130 MB of memory", async () => {
  await using story = await startStory();
  await makeBig(story.source, 60 * MEGABYTE);
  await makeManyRefs(story.source, 10_000);
  const { peak } = await firstMirror(story);
  expect(peak).toBeLessThanOrEqual(130);
  await story.prove();
});

test.each([
  ["of one commit", false],
  ["of a commit each", true],
])("100,000 refs %s within 180 MB of memory", async (_what, distinctCommits) => {
  await using story = await startStory();
  await makeManyRefs(story.source, 99_998, { distinctCommits }); // and main and v1
  const { refs, peak } = await firstMirror(story);
  expect(refs.length).toBe((await managedRefs(story.source)).length);
  expect(peak).toBeLessThanOrEqual(180);
  // As a host keeps them: so many files are slow for git itself.
  await git(["-C", story.mirror, "pack-refs", "--all"]);
  await story.prove();
});
