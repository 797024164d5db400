// How long after the end of `git push` to a real Gerrit the mirror's ref has moved, as medians against what is promised.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GerritWorld, startGerritWorld } from "../support/gerrit-world.ts";
import { git } from "../support/git.ts";
import { makeManyRefs } from "../support/large-repositories.ts";
import { commit } from "../support/repositories.ts";

let world: GerritWorld;
beforeAll(async () => {
  world = await startGerritWorld({ direct: true });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const ROUNDS = 30;
const WARMING = 3;

test("one ref of a small repository moves within 100 ms", async () => {
  const work = await world.addMirrored("small");
  expect(await medianLag("small", work)).toBeLessThanOrEqual(100);
});

test("the first push to a new project is mirrored within 500 ms", async () => {
  const lags: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const name = `new/${round}`;
    const work = await world.addProject(name);
    lags.push(await lagOfPush(name, work));
  }
  expect(median("new projects", lags)).toBeLessThanOrEqual(500);
});

test("one ref among 10,000 moves within 300 ms", async () => {
  await world.gerrit.stop();
  const repository = await world.gerrit.seed("large");
  await makeManyRefs(repository, 10_000, { distinctCommits: true });
  const work = join(world.folder, "work", "large");
  await git(["clone", "--quiet", "--bare", repository, work]);
  await git(["clone", "--quiet", "--mirror", repository, world.mirrorOf("large")]);
  await world.gerrit.start();
  expect((await world.sweep()).enqueued).toEqual([]);
  expect(await medianLag("large", work)).toBeLessThanOrEqual(300);
});

async function medianLag(name: string, work: string): Promise<number> {
  const lags: number[] = [];
  for (let round = -WARMING; round < ROUNDS; round++) {
    const lag = await lagOfPush(name, work);
    if (round >= 0) lags.push(lag);
  }
  return median(name, lags);
}

/** Milliseconds from the end of `git push` until the mirror's `main` is the new commit; below zero when it was first. */
async function lagOfPush(name: string, work: string): Promise<number> {
  const tip = await commit(work, { files: { "a.txt": `${performance.now()}\n` } });
  let ended = 0;
  const push = world.admin.push(work, name, "refs/heads/main").then(() => {
    ended = performance.now();
  });
  const file = join(world.mirrorOf(name), "refs/heads/main");
  const deadline = performance.now() + 20_000;
  while ((await readFile(file, "latin1").catch(() => "")).trim() !== tip) {
    if (performance.now() > deadline) throw new Error(`The mirror's main of "${name}" did not move to ${tip}.`);
    await delay(1);
  }
  const moved = performance.now();
  await push;
  // The reading back and the job's end: the next push finds the lane at rest.
  await delay(100);
  return moved - ended;
}

function median(name: string, lags: number[]): number {
  const sorted = lags.toSorted((a, b) => a - b).map(Math.round);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  console.log(`lag of ${name}: median ${middle} ms, least ${sorted[0]}, most ${sorted.at(-1)} (n=${sorted.length})`);
  return middle;
}
