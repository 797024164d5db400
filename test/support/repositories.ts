// Makes and reads real bare repositories. Ref names are latin1 strings, one character a byte, as everywhere in the project.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FIXED_TIME, git, IDENTITY, tryGit } from "./git.ts";

export type CommitOptions = {
  /** A short branch name or a full ref name; `main` when absent. */
  branch?: string;
  /** Path to content; `null` removes the path. The others of the first parent stay. */
  files?: Readonly<Record<string, string | Uint8Array | null>>;
  message?: string;
  /** Oids or full ref names; the branch's tip when absent; `[]` makes a root commit. */
  parents?: readonly string[];
};

/** Makes the folder (and those above it) a bare repository and returns its path. */
export async function createBare(path: string): Promise<string> {
  await git(["init", "--quiet", "--bare", "--template=", path]);
  return path;
}

/** Moves the branch to a new commit, also backwards or sideways, and returns the commit's oid. */
export async function commit(repo: string, options: CommitOptions = {}): Promise<string> {
  const ref = fullName(options.branch ?? "main");
  const message = Buffer.from(options.message ?? "change", "utf8");
  const parents = options.parents ?? (await tips(repo, ref));
  const stream: Buffer[] = [];
  const line = (text: string) => stream.push(Buffer.from(`${text}\n`, "latin1"));
  if (parents.length === 0) line(`reset ${ref}`);
  line(`commit ${ref}`);
  line("mark :1");
  line(`committer ${IDENTITY} ${FIXED_TIME} +0000`);
  line(`data ${message.length}`);
  stream.push(message, Buffer.from("\n"));
  parents.forEach((parent, index) => {
    line(`${index === 0 ? "from" : "merge"} ${parent}^0`); // fast-import takes no branch as its own parent
  });
  for (const [path, content] of Object.entries(options.files ?? {})) {
    const quoted = Buffer.from(JSON.stringify(path), "utf8").toString("latin1");
    if (content === null) {
      line(`D ${quoted}`);
      continue;
    }
    const bytes = Buffer.from(content);
    line(`M 100644 inline ${quoted}`);
    line(`data ${bytes.length}`);
    stream.push(bytes, Buffer.from("\n"));
  }
  line("get-mark :1");
  const printed = await git(["-C", repo, "fast-import", "--quiet", "--force"], { input: stream });
  return printed.toString().trim();
}

/** Writes a blob that no ref holds yet. */
export async function writeBlob(repo: string, content: string | Uint8Array): Promise<string> {
  const printed = await git(["-C", repo, "hash-object", "-w", "--stdin"], { input: Buffer.from(content) });
  return printed.toString().trim();
}

/** The oid that git's revision syntax names, for example `refs/heads/main^{tree}` or `main:README`. */
export async function resolve(repo: string, revision: string): Promise<string> {
  return (await git(["-C", repo, "rev-parse", "--verify", "--quiet", revision])).toString().trim();
}

/** Makes an annotated tag `refs/tags/NAME` of a commit, tree, blob or other tag (any revision), and returns the tag's oid. */
export async function tag(repo: string, name: string, target: string, message = name): Promise<string> {
  const oid = await resolve(repo, target);
  const type = (await git(["-C", repo, "cat-file", "-t", oid])).toString().trim();
  const head = Buffer.from(
    `object ${oid}\ntype ${type}\ntag ${name}\ntagger ${IDENTITY} ${FIXED_TIME} +0000\n\n`,
    "latin1",
  );
  const input = Buffer.concat([head, Buffer.from(`${message}\n`, "utf8")]);
  const made = (await git(["-C", repo, "hash-object", "-w", "-t", "tag", "--stdin"], { input })).toString().trim();
  await updateRef(repo, `refs/tags/${name}`, made);
  return made;
}

export async function updateRef(repo: string, ref: string, oid: string): Promise<void> {
  await updateRefs(repo, [[ref, oid]]);
}

export async function deleteRef(repo: string, ref: string): Promise<void> {
  await updateRefs(repo, [[ref, null]]);
}

/** Many changes in one transaction; `null` deletes. */
export async function updateRefs(repo: string, changes: Iterable<readonly [string, string | null]>): Promise<void> {
  const lines = Array.from(changes, ([ref, oid]) => (oid === null ? `delete ${ref}\n` : `update ${ref} ${oid}\n`));
  const input = Buffer.from(lines.join(""), "latin1");
  await git(["-C", repo, "update-ref", "--no-deref", "--stdin"], { input });
}

/** Makes `name` (`HEAD` or a full ref) a symbolic ref; its target need not exist. */
export async function symbolicRef(repo: string, name: string, target: string): Promise<void> {
  const path = join(repo, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, Buffer.from(`ref: ${target}\n`, "latin1"));
}

/** All refs below `refs/` but the symbolic ones. */
export async function refsOf(repo: string): Promise<Map<string, string>> {
  const refs = await listRefs(repo);
  return new Map(refs.filter(({ target }) => target === "").map(({ ref, oid }) => [ref, oid]));
}

/** Symbolic refs and what they point at: those below `refs/` (broken ones left out, as git does) and `HEAD`. */
export async function symrefsOf(repo: string): Promise<Map<string, string>> {
  const refs = await listRefs(repo);
  const symrefs = new Map(refs.filter(({ target }) => target !== "").map(({ ref, target }) => [ref, target]));
  const head = /^ref: (.+)\n$/.exec(await readFile(join(repo, "HEAD"), "latin1"))?.[1];
  return head === undefined ? symrefs : symrefs.set("HEAD", head);
}

export async function hasObject(repo: string, oid: string): Promise<boolean> {
  return (await tryGit(["-C", repo, "cat-file", "-e", oid])).code === 0;
}

/** Throws unless every object is there and sound; unreachable ones are allowed. */
export async function fsck(repo: string): Promise<void> {
  const { code, stdout, stderr } = await tryGit([
    "-C",
    repo,
    "fsck",
    "--full",
    "--strict",
    "--no-dangling",
    "--no-progress",
  ]);
  const complaints = `${stdout}${stderr}`.split("\n").filter((line) => line !== "" && !line.startsWith("notice:"));
  if (code !== 0 || complaints.length > 0) throw new Error(`git fsck of ${repo}: ${complaints.join("; ") || code}`);
}

/** Installs an executable hook; the script is latin1 so that it can name any ref. */
export async function installHook(repo: string, name: string, script: string): Promise<void> {
  await mkdir(join(repo, "hooks"), { recursive: true });
  await writeFile(join(repo, "hooks", name), Buffer.from(script, "latin1"), { mode: 0o755 });
}

export function fullName(name: string): string {
  return name.startsWith("refs/") ? name : `refs/heads/${name}`;
}

async function tips(repo: string, ref: string): Promise<string[]> {
  const { stdout } = await tryGit(["-C", repo, "cat-file", "--batch-check=%(objectname)"], {
    input: Buffer.from(`${ref}\n`, "latin1"),
  });
  const printed = stdout.toString("latin1").trim();
  return /^[0-9a-f]{40}$/.test(printed) ? [printed] : [];
}

async function listRefs(repo: string): Promise<{ oid: string; ref: string; target: string }[]> {
  const printed = await git(["-C", repo, "for-each-ref", "--format=%(objectname) %(refname) %(symref)"]);
  const lines = printed.toString("latin1").split("\n").slice(0, -1);
  return lines.map((line) => {
    const [oid = "", ref = "", target = ""] = line.split(" ");
    return { oid, ref, target };
  });
}
