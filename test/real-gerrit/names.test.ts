// Project and ref names that Gerrit takes and that its REST API, its events and its Git URLs each write in another way.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GerritWorld, startGerritWorld } from "../support/gerrit-world.ts";
import { commit, refsOf, updateRef } from "../support/repositories.ts";

let world: GerritWorld;
beforeAll(async () => {
  world = await startGerritWorld();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** `%`, `~`, `:` and `\\` are no letters of a project's name for Gerrit itself. */
const PROJECTS = [
  "deep/er/and/deeper",
  "with space/and more",
  "a+b/c++",
  "Großer Wald/日本語",
  "u\u0308 decomposed",
  "quotes'and&more=x;y,z@home!(1)",
  "dot.s/.hidden",
  "-dash/_under",
  "UPPER/lower",
  "c#/f#",
];

test.each(PROJECTS)("the project %j is mirrored by its event, and found by the sweep", async (name) => {
  const work = await world.addProject(name);
  await commit(work, { files: { "a.txt": `${name}\n` } });
  await world.admin.push(work, name, "refs/heads/main");
  await world.untilEqual(name);
  await expect.poll(async () => (await world.statusOf(name)).state, { timeout: 10_000 }).toBe("equal");
  const { enqueued, gone } = await world.sweep();
  expect([enqueued, gone]).toEqual([[], []]);
});

test.each(["100%", "a%2Fb", "~x", "a:b"])("Gerrit itself refuses the name %j", async (name) => {
  const { status, text } = await world.admin.tryRest("PUT", `/projects/${encodeURIComponent(name)}`, {});
  expect([status, text]).toEqual([400, expect.stringContaining("invalid project name")]);
});

test("refs with every letter that Git allows are mirrored under the same bytes", async () => {
  const work = await world.addMirrored("refs");
  const names = [
    "ä/ö-日本",
    "100%",
    "a+b&c=d",
    "it's",
    "#1;2,3",
    "@x",
    "a{b}",
    "ü".normalize("NFD"),
    `long/${"x".repeat(150)}`,
  ];
  for (const name of names) {
    await updateRef(work, `refs/heads/${Buffer.from(name, "utf8").toString("latin1")}`, "refs/heads/main");
  }
  await world.admin.push(work, "refs", "refs/heads/*:refs/heads/*");
  await world.untilEqual("refs");
  expect((await refsOf(world.mirrorOf("refs"))).size).toBe(names.length + 1);
});
