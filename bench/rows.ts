// The measurements of the command, row by row: what is prepared, what both tools then do, and what must be reached.
import { git } from "../test/support/git.ts";
import { type ManyRefsOptions, makeBig, makeManyRefs } from "../test/support/large-repositories.ts";
import { commit, updateRefs } from "../test/support/repositories.ts";
import { type Pairs, peakMegabytes, timeCommands } from "./measure.ts";
import type { Site } from "./site.ts";

export type Row = {
  name: string;
  title: string;
  /** Of a time: most that ours may take as a multiple of native git; of memory: MB. */
  limit: number;
  /** Only measured when it is named. */
  optional?: true;
} & (
  | { kind: "time"; memoryLimit: number; measure(site: Site): Promise<TimeResult> }
  | { kind: "memory"; measure(site: Site): Promise<number> }
);

export type TimeResult = Pairs & { peak: number };

const ROUNDS = 9;
const ROUNDS_LONG = 3;

const MEMORY_MAX = 130;
const MEMORY_MANY_REFS_MAX = 180;

export const ROWS: readonly Row[] = [
  oneCommit("commit-1k", "one new commit, 1 000 refs", 1.5, 1_000),
  oneCommit("commit-100k", "one new commit, 100 000 refs", 0.6, 100_000),
  oneCommit("commit-100k-distinct", "one new commit, 100 000 refs with a commit each", 0.35, 100_000, {
    distinctCommits: true,
  }),
  {
    name: "tags-5k",
    title: "5 000 new annotated tags",
    limit: 0.1,
    kind: "time",
    memoryLimit: MEMORY_MAX,
    measure: measureTags,
  },
  {
    name: "nothing-100k",
    title: "nothing to do, 100 000 refs",
    limit: 0.8,
    kind: "time",
    memoryLimit: MEMORY_MANY_REFS_MAX,
    async measure(site) {
      await makeManyRefs(site.source, 100_000);
      await site.fillMirrors();
      return alternate(site, ROUNDS, { native: () => site.nativeUpdate() });
    },
  },
  firstMirror("first-10mb", "first mirror, 10 MB", 10e6, ROUNDS),
  firstMirror("first-300mb", "first mirror, 300 MB", 300e6, ROUNDS_LONG),
  firstMemory("memory-10k", "peak memory: first mirror, 300 MB and 10 000 refs", MEMORY_MAX, 300e6, 10_000),
  firstMemory("memory-100k", "peak memory: first mirror, 100 000 refs with a commit each", 180, 1e6, 100_000),
  { ...firstMemory("memory-2gb", "peak memory: first mirror, 2 GB and 10 000 refs", 130, 2e9, 10_000), optional: true },
];

function oneCommit(name: string, title: string, limit: number, refs: number, options: ManyRefsOptions = {}): Row {
  return {
    name,
    title,
    limit,
    kind: "time",
    memoryLimit: refs > 10_000 ? MEMORY_MANY_REFS_MAX : MEMORY_MAX,
    async measure(site) {
      await makeManyRefs(site.source, refs, options);
      await commit(site.source, { files: { "README.md": "begin\n" } });
      await site.fillMirrors();
      return alternate(site, ROUNDS, {
        prepare: async (round) => {
          await commit(site.source, { files: { "README.md": `round ${round}\n` } });
        },
        native: () => site.nativeUpdate(),
      });
    },
  };
}

function firstMirror(name: string, title: string, bytes: number, rounds: number): Row {
  return {
    name,
    title,
    limit: 0.6,
    kind: "time",
    memoryLimit: MEMORY_MAX,
    async measure(site) {
      await makeBig(site.source, bytes);
      return alternate(site, rounds, { prepare: () => site.emptyMirrors(), native: () => site.nativeFirst() });
    },
  };
}

function firstMemory(name: string, title: string, limit: number, bytes: number, refs: number): Row {
  return {
    name,
    title,
    limit,
    kind: "memory",
    async measure(site) {
      await makeManyRefs(site.source, refs, { distinctCommits: true });
      await makeBig(site.source, bytes, { branch: "big" });
      await site.emptyMirrors();
      return peakMegabytes(site.mirrorCommand());
    },
  };
}

/** Each round begins with mirrors and clone without the tags. */
async function measureTags(site: Site): Promise<TimeResult> {
  await makeManyRefs(site.source, 1_000, { distinctCommits: true });
  await importTags(site.source, 5_000);
  return alternate(site, ROUNDS_LONG, {
    prepare: async () => {
      const tags = (await git(["-C", site.source, "for-each-ref", "--format=%(refname) %(objectname)", "refs/tags/"]))
        .toString("latin1")
        .split("\n")
        .slice(0, -1)
        .map((line) => line.split(" ") as [string, string]);
      await updateRefs(
        site.source,
        tags.map(([ref]) => [ref, null]),
      );
      await site.fillMirrors();
      await updateRefs(site.source, tags);
    },
    native: () => site.nativeUpdate(),
  });
}

async function importTags(repo: string, count: number): Promise<void> {
  const lines = Array.from(
    { length: count },
    (_, index) =>
      `tag v${index}\nfrom refs/heads/many/${String(index % 1_000).padStart(6, "0")}\ntagger Ada <ada@example.com> 1704067200 +0000\ndata 6\nnotes\n`,
  );
  await git(["-C", repo, "fast-import", "--quiet"], { input: Buffer.from(lines.join("")) });
}

type Steps = { prepare?: (round: number) => Promise<void>; native: () => ReturnType<Site["nativeUpdate"]> };

/** One pair to warm both up, then so many; at the end one more run of ours for its memory. */
async function alternate(site: Site, rounds: number, { prepare, native }: Steps): Promise<TimeResult> {
  const pairs: Pairs = { ours: [], native: [] };
  for (let round = 0; round <= rounds; round++) {
    await prepare?.(round);
    // Each goes first every other time: what the preparation leaves behind is nobody's gain.
    let ours = round % 2 === 0 ? await timeCommands([site.mirrorCommand()]) : 0;
    const theirs = await timeCommands(native());
    if (round % 2 === 1) ours = await timeCommands([site.mirrorCommand()]);
    if (round === 0) continue;
    pairs.ours.push(ours);
    pairs.native.push(theirs);
  }
  await site.checkEqual();
  await prepare?.(rounds + 1);
  return { ...pairs, peak: await peakMegabytes(site.mirrorCommand()) };
}
