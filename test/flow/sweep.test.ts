// The sweep: finds what was lost, costs a quiet site reads only, and goes on whatever fails.
import { expect, test } from "vitest";
import { respond } from "../support/git-server.ts";
import { refsOf } from "../support/repositories.ts";
import { type ServiceWorld, startServiceWorld } from "../support/service-world.ts";

test("an event that was lost is made good by the next sweep", async () => {
  await using world = await site(["one", "two"]);
  await world.pushToSource("two");
  const summary = await world.sweep();
  expect(summary).toMatchObject({ finished: true, repositories: 2, equal: 1, enqueued: [{ repository: "two" }] });
  await world.lane().drain();
  expect(await world.isEqual("two")).toBe(true);
});

test("a quiet site costs reads: no jobs, no pushes, no fetches", async () => {
  await using world = await site(["one", "two", "three"]);
  world.servers.forget();
  expect(await world.sweep()).toMatchObject({ finished: true, equal: 3, enqueued: [], errors: [], skippedLanes: [] });
  const services = [...world.servers.requests("source"), ...world.servers.requests("main")].map(
    ({ service }) => service,
  );
  expect(services.filter((service) => service !== "ls-refs" && service !== "other")).toEqual([]);
  // The project list in two pages, and one list for each side of each repository.
  expect(services.length).toBeLessThanOrEqual(8);
  expect(await world.lane().pending()).toBe(0);
});

test("a lane whose reads fail is left out and reported, while the others go on", async () => {
  await using world = await startServiceWorld({ lanes: ["main", "broken"] });
  const names = ["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"];
  for (const name of names) await world.addRepository(name);
  world.servers.side("broken").rules.push({ on: () => true, fault: { kind: "reset" }, times: Infinity });
  const summary = await world.sweep();
  expect(summary.skippedLanes).toMatchObject([{ mirror: "broken" }]);
  expect(summary.enqueued.map(({ mirror, repository }) => `${repository} ${mirror}`).sort()).toEqual(
    names.map((name) => `${name} main`),
  );
  expect(summary.errors[0]).toMatchObject({ mirror: "broken", error: { code: "unreachable" } });
  expect(world.logged("sweep")[0]?.level).toBe("warn");
});

test("a sweep whose time is over goes on where it stopped, and passes over nothing", async () => {
  await using world = await startServiceWorld();
  const names = Array.from({ length: 12 }, (_, index) => `r${String(index).padStart(2, "0")}`);
  for (const name of names) await world.addRepository(name);
  // Each project list takes none of the sweep's time, each repository ten minutes.
  world.servers.side("source").hooks.push(({ service }) => {
    if (service === "ls-refs") world.advance(600_000);
    return undefined;
  });
  const seen: string[] = [];
  let sweeps = 0;
  for (let finished = false; !finished && sweeps < 20; sweeps++) {
    const summary = await world.sweep();
    finished = summary.finished;
    seen.push(...summary.enqueued.map(({ repository }) => repository));
  }
  expect(sweeps).toBeGreaterThan(1);
  expect(seen.sort()).toEqual(names);
  await world.lane().drain();
  for (const name of names) expect([name, await world.isEqual(name)]).toEqual([name, true]);
});

test.each([
  [
    "fails",
    (world: ServiceWorld) =>
      world.servers.side("source").rules.push({ on: "other", fault: { kind: "status", status: 500 }, times: Infinity }),
  ],
  ["is empty", (world: ServiceWorld) => world.servers.side("source").hooks.unshift(emptyList)],
])("when Gerrit's project list %s, the known repositories are swept and none is gone", async (_, spoil) => {
  await using world = await site(["one", "two"]);
  await world.pushToSource("two");
  spoil(world);
  const summary = await world.sweep();
  expect(summary).toMatchObject({ repositories: 2, gone: [], enqueued: [{ repository: "two" }] });
  expect(summary.errors).toHaveLength(1);
  for (const name of ["one", "two"]) expect((await world.statusOf(name))?.state).toBe("equal");
});

test("repositories whose names meet on a mirror are refused and reported, the others are swept", async () => {
  await using world = await startServiceWorld();
  for (const name of ["Tools", "fine"]) await world.addRepository(name);
  await world.addRepository("tools");
  const summary = await world.sweep();
  expect(summary.enqueued.map(({ repository }) => repository)).toEqual(["fine"]);
  expect(summary.errors).toMatchObject([
    { error: { code: "invalid-configuration", message: expect.stringMatching(/Tools and tools|tools and Tools/) } },
  ]);
});

test("a repository that the source refuses becomes one dead letter, and is not asked for again", async () => {
  await using world = await site(["one", "two"]);
  world.servers.side("source").rules.push({
    on: ({ path }) => path.startsWith("/two/"),
    fault: { kind: "status", status: 403 },
    times: Infinity,
  });
  for (const made of [1, 0]) {
    expect((await world.sweep()).enqueued).toHaveLength(made);
    await world.lane().drain();
  }
  expect(await world.lane().deadLetters()).toMatchObject([{ code: "forbidden", job: { repository: "two" } }]);
  expect((await refsOf(world.servers.mirrorOf("two", "main"))).size).toBe(1);
});

test("a source that is down is reported; the sweep neither passes over a repository nor blames a mirror", async () => {
  const names = ["r1", "r2", "r3", "r4", "r5", "r6", "r7"];
  await using world = await site(names);
  const { rules } = world.servers.side("source");
  rules.push({ on: () => true, fault: { kind: "reset" }, times: Infinity });
  const summary = await world.sweep();
  expect(summary).toMatchObject({ finished: false, equal: 0, enqueued: [], gone: [], skippedLanes: [] });
  rules.length = 0;
  expect(await world.sweep()).toMatchObject({ finished: true, equal: names.length });
});

async function emptyList({ path }: { path: string }) {
  if (path !== "/projects/") return undefined;
  return { answer: (exchange: Parameters<typeof respond>[0]) => respond(exchange, 200, {}, ")]}'\n{}\n") };
}

/** Repositories that are mirrored and known as equal. */
async function site(names: string[]): Promise<ServiceWorld> {
  const world = await startServiceWorld();
  for (const name of names) await world.addRepository(name);
  await world.sweep();
  await world.lane().drain();
  for (const name of names) expect([name, await world.isEqual(name)]).toEqual([name, true]);
  return world;
}
