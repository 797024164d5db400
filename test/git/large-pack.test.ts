// A pack that is held nowhere: 60 MB stream through the command in bounded memory.
import { expect, test } from "vitest";
import { makeBig } from "../support/large-repositories.ts";
import { gerritMirror } from "./command.ts";
import { startStory } from "./story.ts";

test("60 MB stream through within 130 MB of memory", { timeout: 60_000 }, async () => {
  await using story = await startStory();
  await makeBig(story.source, 60 * 1024 * 1024);
  const words = ["mirror", "--from", story.urlOf("source"), "--to", story.urlOf("mirror"), "--json"];
  const run = await gerritMirror(words, { watchMemory: true });
  const { outcome, bytes } = run.json() as { outcome: string; bytes: { fetched: number; sent: number } };
  expect(outcome).toBe("equal");
  expect(bytes.sent).toBe(bytes.fetched);
  expect(bytes.sent).toBeGreaterThan(60 * 1024 * 1024);
  expect(run.peakMegabytes).toBeLessThan(130);
  const [push] = story.requests("mirror", "receive-pack");
  expect(push?.headers["transfer-encoding"]).toBe("chunked");
  await story.prove();
});
