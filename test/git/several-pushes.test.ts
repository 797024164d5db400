// A host that takes few commands at once: one job makes several pushes, and the later ones build on what the earlier brought.
import { expect, test } from "vitest";
import { commit, updateRef } from "../support/repositories.ts";
import { startStory } from "./story.ts";

const BIG = 200_000;

test("a later push of a first mirror does not carry again what an earlier one brought", async () => {
  await using story = await startStory({ empty: true });
  // Does not compress, so that each further copy would show.
  const content = Buffer.from(Array.from({ length: BIG }, (_, index) => (index * index * 2_654_435_761) >>> 11));
  const first = await commit(story.source, { files: { "big.bin": content }, message: "big" });
  for (const name of ["a", "b", "c"]) await updateRef(story.source, `refs/heads/${name}`, first);
  for (const name of ["d", "e", "f"]) {
    await commit(story.source, { branch: name, parents: [first], files: { [name]: name }, message: name });
  }
  const { report } = await story.run({ commandsMax: 2 });
  expect(report.outcome).toBe("equal");
  const [push, ...later] = story.requests("mirror", "receive-pack");
  expect(later).toHaveLength(3);
  expect(push?.requestBytes).toBeGreaterThan(BIG / 2);
  for (const { requestBytes } of later) expect(requestBytes).toBeLessThan(BIG / 20);
  await story.prove();
});
