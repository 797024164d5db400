// The flags that every command takes, so that a script can give them to all.
import { expect, test } from "vitest";
import { gerritMirror } from "../git/command.ts";
import { startStory } from "../git/story.ts";

const COMMON = ["--config", "none.json", "--secrets", "none", "--json", "--retry-seconds", "0"];
const SERVICE = ["--local", "http://127.0.0.1:1", "--stack", "name"];

test.each(["mirror", "plan"])("%s takes them all and does its work", async (command) => {
  await using story = await startStory();
  const sides = ["--from", story.urlOf("source"), "--to", story.urlOf("mirror")];
  const run = await gerritMirror([command, ...sides, ...COMMON, ...SERVICE]);
  expect(run.stderr).toBe("");
  expect(run.code).toBe(0);
  expect(run.json()).toMatchObject({ repository: "source", mirror: story.urlOf("mirror") });
});

test.each(["status", "sweep"])("%s takes them all as far as there is a service to ask", async (command) => {
  const run = await gerritMirror([command, ...COMMON, ...SERVICE]);
  expect(run.stderr).toContain("--stack is not there yet");
  expect(run.stderr).not.toMatch(/unknown|unexpected/i);
  const local = await gerritMirror([command, ...COMMON, ...SERVICE.slice(0, 2)]);
  expect(local.stderr).toContain("127.0.0.1:1");
  expect(local.stderr).not.toMatch(/unknown|unexpected/i);
  const wrong = await gerritMirror([command, ...COMMON, "--unheard-of"]);
  expect(wrong.stderr).toMatch(/unknown option/i);
  expect(wrong.code).toBe(2);
});
