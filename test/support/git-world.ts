// A temporary folder with a Git server over it and a list of faults: what most tests against real git begin with.
import { join } from "node:path";
import { type FaultRule, injectFaults } from "./faults.ts";
import { type GitServer, type GitServerOptions, startGitServer } from "./git-server.ts";
import { commit, createBare, tag } from "./repositories.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

export type GitWorld = {
  folder: string;
  server: GitServer;
  /** Push rules here, and empty it (`rules.length = 0`) after each test. */
  rules: FaultRule[];
  /** An empty bare repository below the folder. */
  bare(name: string): Promise<string>;
  /** A bare repository with two commits on `main` and the annotated tag `v1`. */
  sample(name: string): Promise<string>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startGitWorld(options: Omit<GitServerOptions, "root" | "onRequest"> = {}): Promise<GitWorld> {
  const folder = await makeTemporaryFolder();
  const rules: FaultRule[] = [];
  const server = await startGitServer({ ...options, root: folder.path, onRequest: injectFaults(rules) });
  const bare = (name: string) => createBare(join(folder.path, name));
  const close = async () => {
    await server.close();
    await folder.remove();
  };
  return {
    folder: folder.path,
    server,
    rules,
    bare,
    sample: async (name) => {
      const repo = await bare(name);
      await commit(repo, { files: { "a.txt": "one\n" }, message: "one" });
      await commit(repo, { files: { "b.txt": "two\n" }, message: "two" });
      await tag(repo, "v1", "main");
      return repo;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
