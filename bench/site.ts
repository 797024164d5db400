// What a measurement works on: a source, one mirror for each tool, native git's warm clone, and one server for all.
import { fork } from "node:child_process";
import { once } from "node:events";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { configEnv, git } from "../test/support/git.ts";
import { createBare, refsOf } from "../test/support/repositories.ts";
import { makeTemporaryFolder } from "../test/support/temporary-folder.ts";
import type { Command } from "./measure.ts";

/** Repositories below the site's folder. */
const SOURCE = "project";
const OURS = "mirror/project.git";
const NATIVE = "native.git";
const CLONE = "clone.git";

export type Site = {
  folder: string;
  url: string;
  /** Paths of the bare repositories. */
  source: string;
  ours: string;
  native: string;
  /** `gerrit-mirror mirror --from --to`, with the Node that runs the measurement. */
  mirrorCommand(): Command;
  /** `git fetch --prune` and `git push --mirror` in the warm clone. */
  nativeUpdate(): Command[];
  /** `git clone --mirror` and `git push --mirror`; the clone must be absent. */
  nativeFirst(): Command[];
  /** Both mirrors and the warm clone as copies of the source. */
  fillMirrors(): Promise<void>;
  /** Both mirrors empty, no clone. */
  emptyMirrors(): Promise<void>;
  /** Throws unless both mirrors show exactly the source's refs. */
  checkEqual(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const COMMAND = fileURLToPath(new URL("../bin/gerrit-mirror.ts", import.meta.url));

/** Git as installed: none of the machine's or the user's configuration, its own defaults. */
const PLAIN_ENV: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_TERMINAL_PROMPT: "0",
  ...configEnv({}),
};

export async function openSite(): Promise<Site> {
  const folder = await makeTemporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  await createBare(at(SOURCE));
  const server = fork(fileURLToPath(new URL("git-server.ts", import.meta.url)), [folder.path]);
  const [url] = (await once(server, "message")) as [string];
  const remove = (name: string) => rm(at(name), { recursive: true, force: true, maxRetries: 3 });
  const gitCommand = (...args: string[]): Command => ({ file: "git", args, env: PLAIN_ENV });
  const push = gitCommand("-C", at(CLONE), "push", "--quiet", "--mirror", `${url}/${NATIVE}`);
  return {
    folder: folder.path,
    url,
    source: at(SOURCE),
    ours: at(OURS),
    native: at(NATIVE),
    mirrorCommand: () => ({
      file: process.execPath,
      args: [COMMAND, "mirror", "--from", `${url}/${SOURCE}`, "--to", `${url}/${OURS}`],
      env: { PATH: PLAIN_ENV.PATH ?? "" },
    }),
    nativeUpdate: () => [gitCommand("-C", at(CLONE), "fetch", "--quiet", "--prune"), push],
    nativeFirst: () => [gitCommand("clone", "--quiet", "--mirror", `${url}/${SOURCE}`, at(CLONE)), push],
    fillMirrors: async () => {
      for (const name of [OURS, NATIVE, CLONE]) await remove(name);
      for (const name of [OURS, NATIVE]) await cp(at(SOURCE), at(name), { recursive: true });
      await git(["clone", "--quiet", "--mirror", `${url}/${SOURCE}`, at(CLONE)]);
    },
    emptyMirrors: async () => {
      for (const name of [OURS, NATIVE, CLONE]) await remove(name);
      for (const name of [OURS, NATIVE]) await createBare(at(name));
    },
    checkEqual: async () => {
      const [source, ...mirrors] = await Promise.all([at(SOURCE), at(OURS), at(NATIVE)].map(listed));
      if (mirrors.some((refs) => refs !== source)) throw new Error("A mirror does not show the source's refs.");
    },
    [Symbol.asyncDispose]: async () => {
      const exited = once(server, "exit");
      server.disconnect();
      await exited;
      await folder.remove();
    },
  };
}

async function listed(repo: string): Promise<string> {
  return Array.from(await refsOf(repo), ([ref, oid]) => `${oid} ${ref}`).join("\n");
}
