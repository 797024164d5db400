// Jobs that name refs which the lane no longer manages: the configuration may have changed since they were queued.
import { expect, test } from "vitest";
import type { Job } from "../../src/model/job.ts";
import type { RefName } from "../../src/model/ref.ts";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import { refsOf } from "../support/repositories.ts";
import { type ServiceWorld, startServiceWorld } from "../support/service-world.ts";

const DROPPED = "job dropped: the configuration no longer mirrors this there";

const job = (...refs: string[]): Job => ({
  mirror: "main" as MirrorName,
  repository: "tools" as RepositoryName,
  cause: "event",
  refs: refs.map((ref) => ({ ref: ref as RefName, deleted: false })),
});

test("nothing is pushed of a ref that the lane no longer manages; the others of the job are", async () => {
  await using world = await mirrored();
  await world.pushToSource("tools");
  await world.lane().send(job("refs/heads/main", "refs/heads/private"));
  expect(await world.lane().step()).toBe("done");
  const source = await refsOf(world.servers.sourceOf("tools"));
  expect(await refsOf(world.servers.mirrorOf("tools", "main"))).toEqual(
    new Map([["refs/heads/main", source.get("refs/heads/main")]]),
  );
  expect(world.logged(DROPPED)).toEqual([]);
});

test("a job that names only such refs is dropped with a warning, without a request", async () => {
  await using world = await mirrored();
  world.servers.forget();
  await world.lane().send(job("refs/heads/private", "refs/changes/01/1/1"));
  expect(await world.lane().step()).toBe("done");
  expect(world.logged(DROPPED)).toMatchObject([{ level: "warn", fields: { mirror: "main", repository: "tools" } }]);
  for (const side of ["source", "main"]) expect(world.servers.requests(side)).toEqual([]);
  expect([...(await refsOf(world.servers.mirrorOf("tools", "main"))).keys()]).toEqual(["refs/heads/main"]);
});

/** `main` was mirrored, so that the next job reads narrowly; `private` is at the source alone. */
async function mirrored(): Promise<ServiceWorld> {
  const world = await startServiceWorld({ config: { refs: ["refs/heads/main"] } });
  await world.addRepository("tools");
  await world.lane().send(job("refs/heads/main"));
  await world.lane().drain();
  await world.pushToSource("tools", "private");
  return world;
}
