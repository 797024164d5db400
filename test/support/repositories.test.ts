// The makers of repositories, proved with the real git.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { git } from "./git.ts";
import { type GitWorld, startGitWorld } from "./git-world.ts";
import { makeBig, makeManyRefs } from "./large-repositories.ts";
import * as repositories from "./repositories.ts";

let world: GitWorld;

beforeAll(async () => {
  world = await startGitWorld();
});
afterAll(() => world.close());

describe("repositories", () => {
  test("are deterministic and clean, with every kind of tag", async () => {
    const [first, second] = [await world.sample("same1.git"), await world.sample("same2.git")];
    for (const repo of [first, second]) {
      await repositories.tag(repo, "nested", "v1");
      await repositories.tag(repo, "tree", "main^{tree}");
      await repositories.tag(repo, "blob", "main:a.txt");
      await repositories.fsck(repo);
    }
    expect(await repositories.refsOf(first)).toEqual(await repositories.refsOf(second));
    expect([...(await repositories.refsOf(first)).keys()]).toEqual([
      ...["refs/heads/main", "refs/tags/blob", "refs/tags/nested", "refs/tags/tree", "refs/tags/v1"],
    ]);
  });

  test("keep ref names as bytes, tell symbolic refs apart, move and delete refs", async () => {
    const repo = await world.sample("names.git");
    const tip = await repositories.resolve(repo, "main");
    await repositories.updateRef(repo, "refs/heads/\xff", tip);
    await repositories.symbolicRef(repo, "refs/heads/current", "refs/heads/main");
    expect((await repositories.refsOf(repo)).get("refs/heads/\xff")).toBe(tip);
    expect(await repositories.symrefsOf(repo)).toEqual(
      new Map([
        ["HEAD", "refs/heads/main"],
        ["refs/heads/current", "refs/heads/main"],
      ]),
    );
    await repositories.deleteRef(repo, "refs/heads/\xff");
    expect((await repositories.refsOf(repo)).has("refs/heads/\xff")).toBe(false);
  });

  test("get root commits, merges and removed files as asked", async () => {
    const repo = await world.sample("shapes.git");
    const root = await repositories.commit(repo, { branch: "root", parents: [], files: { 'we"ird ü': "x" } });
    const merge = await repositories.commit(repo, { parents: ["refs/heads/main", root], files: { "a.txt": null } });
    expect((await git(["-C", repo, "rev-list", "--parents", "-1", merge])).toString().split(" ")).toHaveLength(3);
    expect((await git(["-C", repo, "ls-tree", "--name-only", merge])).toString()).toBe("b.txt\n");
    expect(await repositories.hasObject(repo, root)).toBe(true);
    expect(await repositories.hasObject(repo, "1".repeat(40))).toBe(false);
  });

  test("that are damaged fail fsck", async () => {
    const repo = await world.sample("damaged.git");
    await repositories.commit(repo, { parents: ["refs/heads/main"], files: { c: "c" } });
    const blob = await repositories.resolve(repo, "main:a.txt");
    await rm(join(repo, "objects", blob.slice(0, 2), blob.slice(2)));
    await expect(repositories.fsck(repo)).rejects.toThrow(blob);
  });

  test("get 100,000 refs in seconds and keep the peeled tags they had", async () => {
    const repo = await world.sample("many.git");
    await makeManyRefs(repo, 100_000);
    expect((await repositories.refsOf(repo)).size).toBe(100_002);
    const listed = (await git(["ls-remote", world.server.urlOf("many.git")])).toString("latin1").split("\n");
    expect(listed).toHaveLength(100_005); // HEAD, a peeled line and the last line's end
  });

  test("get refs with a commit each", async () => {
    const repo = await world.bare("distinct.git");
    await makeManyRefs(repo, 2_500, { distinctCommits: true, prefix: "refs/tags/t" });
    expect(new Set((await repositories.refsOf(repo)).values()).size).toBe(2_500);
  });

  test("get as many bytes as asked, the same each time", async () => {
    const tips = [];
    for (const name of ["big1.git", "big2.git"]) {
      const repo = await world.bare(name);
      tips.push(await makeBig(repo, 8e6));
      await repositories.fsck(repo);
      const size = /size-pack: (\d+)/.exec((await git(["-C", repo, "count-objects", "-v"])).toString())?.[1];
      expect(Number(size)).toBeGreaterThan(7_500);
    }
    expect(tips[0]).toBe(tips[1]);
  });
});
