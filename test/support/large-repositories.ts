// Fills a repository with very many refs or very many bytes, quickly and the same each time.
import { createCipheriv } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FIXED_TIME, git, IDENTITY } from "./git.ts";
import { commit, fullName } from "./repositories.ts";

export type ManyRefsOptions = {
  /** One commit for each ref, in one line of history; else all refs show the same commit. */
  distinctCommits?: boolean;
  /** Names are the prefix and a number of at least six digits. */
  prefix?: string;
};

export type BigOptions = {
  branch?: string;
  blobBytes?: number;
  filesPerCommit?: number;
  /** Other seeds give other content. */
  seed?: number;
};

/** Adds `count` packed refs; 100,000 take a second or two, with distinct commits a few more. */
export async function makeManyRefs(repo: string, count: number, options: ManyRefsOptions = {}): Promise<void> {
  const prefix = options.prefix ?? "refs/heads/many/";
  const oids = options.distinctCommits
    ? await importCommits(repo, count)
    : [await commit(repo, { branch: "refs/heads/main", message: "one for many refs" })];
  await git(["-C", repo, "pack-refs", "--all"]);
  const path = join(repo, "packed-refs");
  const entries = parsePackedRefs(await readFile(path, "latin1"));
  for (let index = 0; index < count; index++) {
    entries.set(`${prefix}${String(index).padStart(6, "0")}`, { oid: oids[index % oids.length] ?? "", peeled: "" });
  }
  const lines = Array.from(entries)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([ref, { oid, peeled }]) => `${oid} ${ref}\n${peeled}`);
  await writeFile(path, `# pack-refs with: peeled fully-peeled sorted \n${lines.join("")}`, "latin1");
}

/** Adds about so many bytes of content that does not compress, in many commits of one branch; returns the tip. */
export async function makeBig(repo: string, bytes: number, options: BigOptions = {}): Promise<string> {
  const { blobBytes = 64 * 1024, filesPerCommit = 16, seed = 1 } = options;
  const ref = fullName(options.branch ?? "main");
  const commits = Math.max(1, Math.round(bytes / (blobBytes * filesPerCommit)));
  const random = randomBytes(seed);
  function* stream(): Generator<Buffer> {
    yield Buffer.from(`reset ${ref}\n`, "latin1");
    for (let number = 1; number <= commits; number++) {
      yield commitHead(ref, number, number === commits);
      for (let file = 0; file < filesPerCommit; file++) {
        yield Buffer.from(`M 100644 inline data/${number % 64}/${number}-${file}.bin\ndata ${blobBytes}\n`);
        yield random(blobBytes);
        yield Buffer.from("\n");
      }
    }
    yield Buffer.from("get-mark :1\n");
  }
  const config = ["-c", "pack.compression=1", "-c", "fastimport.unpackLimit=0"];
  const args = ["-C", repo, ...config, "fast-import", "--quiet", "--force", "--depth=0"];
  return (await git(args, { input: stream() })).toString().trim();
}

/** Deterministic bytes: the key stream of AES in counter mode, some GB a second. */
export function randomBytes(seed: number): (length: number) => Buffer {
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(seed);
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, "mirror"), iv);
  return (length) => cipher.update(Buffer.alloc(length));
}

async function importCommits(repo: string, count: number): Promise<string[]> {
  function* stream(): Generator<Buffer> {
    yield Buffer.from("reset refs/heads/main\n");
    for (let start = 1; start <= count; start += 1000) {
      const numbers = Array.from({ length: Math.min(1000, count - start + 1) }, (_, index) => start + index);
      // Asked in the same breath as the commit, so that git's output is small and steady.
      yield Buffer.concat(
        numbers.flatMap((n) => [commitHead("refs/heads/main", n, true), Buffer.from("get-mark :1\n")]),
      );
    }
  }
  const printed = await git(["-C", repo, "fast-import", "--quiet", "--force"], { input: stream() });
  return printed.toString().split("\n").slice(0, -1);
}

function commitHead(ref: string, number: number, marked: boolean): Buffer {
  const message = `commit ${number}`;
  const mark = marked ? "mark :1\n" : "";
  const when = `${FIXED_TIME + number} +0000`;
  return Buffer.from(
    `commit ${ref}\n${mark}committer ${IDENTITY} ${when}\ndata ${message.length}\n${message}\n`,
    "latin1",
  );
}

function parsePackedRefs(text: string): Map<string, { oid: string; peeled: string }> {
  const entries = new Map<string, { oid: string; peeled: string }>();
  let last = { oid: "", peeled: "" };
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("^")) {
      last.peeled = `${line}\n`;
      continue;
    }
    last = { oid: line.slice(0, 40), peeled: "" };
    entries.set(line.slice(41), last);
  }
  return entries;
}
