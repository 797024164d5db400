// Records wire answers of the installed git, and writes those of JGit by hand, into test/wire/fixtures (run it with node).
// Two recordings differ only in where git cuts a pack into side-band packets, which depends on its timing.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { git } from "./git.ts";
import { type GitWorld, startGitWorld } from "./git-world.ts";
import { jgitAnswers } from "./jgit-answers.ts";
import * as repositories from "./repositories.ts";

type Fixtures = Map<string, Uint8Array>;

const FLUSH = "0000";
const DELIMITER = "0001";
const ZERO = "0".repeat(40);
/** A pack without objects, which a push must carry even when the server has everything. */
const EMPTY_PACK = Buffer.from("5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e", "hex");

if (process.argv[1] === fileURLToPath(import.meta.url)) await recordFixtures();

async function recordFixtures(): Promise<void> {
  const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "wire", "fixtures");
  const fixtures: Fixtures = new Map(jgitAnswers());
  // One thread, so that the packs are the same each time.
  const world = await startGitWorld({ config: { "pack.threads": "1", "receive.procReceiveRefs": "refs/for" } });
  try {
    const { tip, base } = await makeSource(world);
    await recordAdvertisements(world, fixtures);
    await recordLists(world, fixtures);
    await recordFetches(world, fixtures, tip, base);
    await recordReports(world, fixtures, tip, base);
  } finally {
    await world.close();
  }
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of fixtures) await writeFile(join(folder, `${name}.bin`), bytes);
  console.log(`${fixtures.size} fixtures in ${folder}`);
}

/** A history whose second commit changes one line of a long file (so that packs hold deltas), and every kind of ref. */
async function makeSource(world: GitWorld): Promise<{ tip: string; base: string }> {
  const repo = await world.bare("source.git");
  const lines = Array.from({ length: 200 }, (_, index) => `line ${index} of a file that compresses well\n`);
  const base = await repositories.commit(repo, {
    files: { "long.txt": lines.join(""), "a.txt": "a\n" },
    message: "one",
  });
  lines[100] = "another line\n";
  const tip = await repositories.commit(repo, { files: { "long.txt": lines.join("") }, message: "two" });
  await repositories.updateRef(repo, "refs/heads/old", base);
  await repositories.updateRef(repo, Buffer.from("refs/heads/größe").toString("latin1"), base);
  await repositories.updateRef(repo, "refs/heads/\xff", base);
  await repositories.symbolicRef(repo, "refs/heads/current", "refs/heads/main");
  await repositories.tag(repo, "v1", base);
  await repositories.tag(repo, "v1-again", "refs/tags/v1");
  await repositories.tag(repo, "a-tree", "main^{tree}");
  await git(["-C", repo, "pack-refs", "--all"]);
  await git(["-C", repo, "-c", "pack.threads=1", "repack", "-adfq"]);
  await world.bare("empty.git");
  const fork = await world.bare("fork.git");
  await writeFile(join(fork, "objects", "info", "alternates"), `${join(repo, "objects")}\n`);
  return { tip, base };
}

async function recordAdvertisements({ server }: GitWorld, fixtures: Fixtures): Promise<void> {
  for (const repository of ["source", "empty"]) {
    const suffix = repository === "empty" ? "-empty" : "";
    for (const version of [0, 1, 2]) {
      const url = `${server.urlOf(`${repository}.git`)}/info/refs?service=git-upload-pack`;
      const name = `git-v${version}-upload-pack-advertisement${suffix}`;
      fixtures.set(name, await read(await fetch(url, { headers: { "git-protocol": `version=${version}` } })));
    }
    const url = `${server.urlOf(`${repository}.git`)}/info/refs?service=git-receive-pack`;
    fixtures.set(`git-receive-pack-advertisement${suffix}`, await read(await fetch(url)));
  }
  const fork = `${server.urlOf("fork.git")}/info/refs?service=git-receive-pack`;
  fixtures.set("git-receive-pack-advertisement-have-lines", await read(await fetch(fork)));
}

async function recordLists(world: GitWorld, fixtures: Fixtures): Promise<void> {
  const list = (repository: string, ...args: string[]) =>
    uploadPack(world, repository, [
      line("command=ls-refs"),
      line("object-format=sha1"),
      DELIMITER,
      ...args.map(line),
      FLUSH,
    ]);
  fixtures.set("git-v2-ls-refs", await list("source.git", "peel", "symrefs"));
  fixtures.set("git-v2-ls-refs-plain", await list("source.git"));
  fixtures.set(
    "git-v2-ls-refs-prefix",
    await list("source.git", "peel", "symrefs", "ref-prefix HEAD", "ref-prefix refs/tags/"),
  );
  fixtures.set("git-v2-ls-refs-empty", await list("empty.git", "peel", "symrefs"));
  fixtures.set("git-v2-ls-refs-empty-unborn", await list("empty.git", "peel", "symrefs", "unborn"));
}

async function recordFetches(world: GitWorld, fixtures: Fixtures, tip: string, base: string): Promise<void> {
  const fetchPack = (...args: string[]) =>
    uploadPack(world, "source.git", [
      line("command=fetch"),
      line("object-format=sha1"),
      DELIMITER,
      ...args.map(line),
      FLUSH,
    ]);
  const want = `want ${tip}`;
  const have = `have ${base}`;
  fixtures.set("git-v2-fetch-full", await fetchPack("ofs-delta", "no-progress", want, "done"));
  fixtures.set("git-v2-fetch-full-ref-delta", await fetchPack("no-progress", want, "done"));
  fixtures.set("git-v2-fetch-increment", await fetchPack("ofs-delta", "no-progress", want, have, "done"));
  fixtures.set(
    "git-v2-fetch-increment-thin",
    await fetchPack("thin-pack", "ofs-delta", "no-progress", want, have, "done"),
  );
  fixtures.set("git-v2-fetch-empty-pack", await fetchPack("no-progress", want, `have ${tip}`, "done"));
  fixtures.set("git-v2-fetch-progress", await fetchPack("ofs-delta", want, "done"));
  fixtures.set("git-v2-fetch-not-our-ref", await fetchPack("no-progress", `want ${"1".repeat(40)}`, "done"));
  fixtures.set("git-v2-fetch-acknowledgments-nak", await fetchPack("no-progress", want, `have ${"1".repeat(40)}`));
  fixtures.set("git-v2-fetch-acknowledgments-ready", await fetchPack("ofs-delta", "no-progress", want, have));
  const v0 = [line(`${want} side-band-64k ofs-delta no-progress multi_ack_detailed`), FLUSH];
  fixtures.set("git-v0-fetch-nak", await uploadPack(world, "source.git", [...v0, line("done")], 0));
  fixtures.set("git-v0-fetch-ack", await uploadPack(world, "source.git", [...v0, line(have), line("done")], 0));
}

/** Pushes of commits that the mirror has, so that an empty pack does. */
async function recordReports(world: GitWorld, fixtures: Fixtures, tip: string, base: string): Promise<void> {
  const mirror = await world.bare("mirror.git");
  const push = (capabilities: string, commands: string[], pack: Uint8Array = EMPTY_PACK) =>
    receivePack(world, "mirror.git", capabilities, commands, pack);
  await git(["-C", join(world.folder, "source.git"), "push", "-q", mirror, "main"]);
  const create = (name: string) => `${ZERO} ${base} refs/heads/${name}`;
  const stale = `${base} ${tip} refs/heads/main`;
  const sideband = "report-status side-band-64k";
  fixtures.set("git-report-ok", await push("report-status", [create("a"), create("b")]));
  fixtures.set("git-report-ok-and-ng", await push("report-status", [create("c"), stale]));
  fixtures.set("git-report-sideband-ok", await push(sideband, [create("d")]));
  fixtures.set("git-report-sideband-ok-and-ng", await push(sideband, [create("e"), stale]));
  fixtures.set("git-report-v2-ok-and-ng", await push("report-status-v2 side-band-64k", [create("f"), stale]));
  fixtures.set(
    "git-report-delete-only",
    await push(`${sideband} delete-refs`, [`${base} ${ZERO} refs/heads/a`], Buffer.of()),
  );
  fixtures.set("git-report-unpack-error", await push(sideband, [create("g")], EMPTY_PACK.subarray(0, 20)));
  // The only real source of option lines is a proc-receive hook; it may write its answers ahead of the questions.
  const answers = [
    "ok refs/for/main",
    "option refname refs/changes/01/1/1",
    `option old-oid ${ZERO}`,
    `option new-oid ${base}`,
  ];
  const replies = [line("version=1"), FLUSH, ...answers.map(line), line("option forced-update"), FLUSH];
  await repositories.installHook(mirror, "proc-receive.answer", replies.join(""));
  await repositories.installHook(mirror, "proc-receive", '#!/bin/sh\ncat "$0.answer"\ncat >/dev/null\n');
  const forMain = `${ZERO} ${base} refs/for/main`;
  fixtures.set("git-report-v2-options", await push("report-status-v2 side-band-64k", [create("h"), forMain]));
  await repositories.installHook(mirror, "pre-receive", "#!/bin/sh\necho 'refs/heads/i is protected' >&2\nexit 1\n");
  fixtures.set("git-report-pre-receive-declined", await push(sideband, [create("i"), create("j")]));
  await repositories.installHook(mirror, "pre-receive", "#!/bin/sh\nexit 0\n");
  await repositories.installHook(mirror, "post-receive", "#!/bin/sh\necho 'See https://example.com/merge/1'\n");
  fixtures.set("git-report-sideband-text", await push(sideband, [create("k")]));
}

async function uploadPack(world: GitWorld, repository: string, request: string[], version = 2): Promise<Uint8Array> {
  const response = await fetch(`${world.server.urlOf(repository)}/git-upload-pack`, {
    method: "POST",
    headers: { "content-type": "application/x-git-upload-pack-request", "git-protocol": `version=${version}` },
    body: request.join(""),
  });
  return read(response);
}

async function receivePack(
  world: GitWorld,
  repository: string,
  capabilities: string,
  commands: string[],
  pack: Uint8Array,
): Promise<Uint8Array> {
  const lines = commands.map((command, index) => line(index === 0 ? `${command}\0${capabilities}` : command));
  const response = await fetch(`${world.server.urlOf(repository)}/git-receive-pack`, {
    method: "POST",
    headers: { "content-type": "application/x-git-receive-pack-request" },
    body: Buffer.concat([Buffer.from(lines.join("") + FLUSH), pack]),
  });
  return read(response);
}

async function read(response: Response): Promise<Uint8Array> {
  if (response.status !== 200) throw new Error(`${response.url} answered ${response.status}, expected 200`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A pkt-line with LF. */
function line(text: string): string {
  return `${(Buffer.byteLength(text) + 5).toString(16).padStart(4, "0")}${text}\n`;
}
