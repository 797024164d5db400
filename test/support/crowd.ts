// Many jobs for many repositories at once, on two pollers with two handlers each, and what must be true afterwards.
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import { refsOf } from "./repositories.ts";
import { startServiceWorld } from "./service-world.ts";

/** Jobs of one repository come one behind the other, where two workers would meet; each repository has a branch of its own name besides `main`. */
export async function mirrorCrowd(options: {
  repositories: number;
  jobs: number;
  milliseconds: number;
}): Promise<void> {
  await using world = await startServiceWorld();
  const names = Array.from({ length: options.repositories }, (_, index) => `r${index}`);
  await world.addRepository("template");
  const template = { source: world.servers.sourceOf("template"), mirror: world.servers.mirrorOf("template", "main") };
  const tip = (await refsOf(template.source)).get("refs/heads/main") ?? "";
  for (const name of names) {
    await cp(template.source, world.servers.sourceOf(name), { recursive: true });
    await cp(template.mirror, world.servers.mirrorOf(name, "main"), { recursive: true });
    await writeFile(join(world.servers.sourceOf(name), "refs", "heads", name), `${tip}\n`);
  }
  for (let count = 0; count < options.jobs; count++) {
    const repository = names[Math.floor((count * names.length) / options.jobs)] as RepositoryName;
    await world.lane().send({ mirror: "main" as MirrorName, repository, cause: "event" });
  }
  world.startWorkers(2, 2);
  await world.settle(options.milliseconds);
  for (const name of names) {
    expect([name, await world.isEqual(name)]).toEqual([name, true]);
    expect((await world.statusOf(name))?.state).toBe("equal");
  }
  expect(world.lane().peak).toEqual({ all: 4, repository: 1 });
  expect(await world.lane().deadTexts()).toEqual([]);
}
