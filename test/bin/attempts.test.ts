// How the command tries again, and what `plan` says of a side that it cannot read.
import { expect, test } from "vitest";
import { gerritMirror } from "../git/command.ts";
import { type Story, startStory } from "../git/story.ts";
import { refusingUrl } from "../support/faults.ts";
import { startServiceWorld } from "../support/service-world.ts";

const plan = (story: Story, ...more: string[]) =>
  gerritMirror(["plan", "--from", story.urlOf("source"), "--to", story.urlOf("mirror"), "--json", ...more]);

test.each(["mirror", "plan"])("%s does not hammer a server that says Retry-After: 0", async (command) => {
  await using story = await startStory();
  story.rules.push({
    on: ({ path }) => path.includes("/source.git"),
    fault: { kind: "status", status: 429, headers: { "retry-after": "0" } },
    times: Number.POSITIVE_INFINITY,
  });
  const words = [command, "--from", story.urlOf("source"), "--to", story.urlOf("mirror"), "--json"];
  const run = await gerritMirror([...words, "--retry-seconds", "3"]);
  expect(run.code).toBe(1);
  expect(run.json()).toMatchObject({ error: { code: "throttled" } });
  expect(run.stderr).not.toContain("trying again in 0 s");
  const asked = story.requests("source").length;
  expect(asked).toBeGreaterThanOrEqual(2);
  expect(asked).toBeLessThanOrEqual(3);
});

test("plan --json of a side that does not answer is one document with its error, and ends with 1", async () => {
  await using story = await startStory();
  const to = `${await refusingUrl()}/mirror.git`;
  const words = ["plan", "--from", story.urlOf("source"), "--to", to, "--json", "--retry-seconds", "0"];
  const run = await gerritMirror(words);
  expect(run.code).toBe(1);
  expect(run.json()).toEqual({
    repository: "source",
    mirror: to,
    error: { code: "unreachable", message: expect.stringContaining(to), remedy: expect.any(String) },
  });
  expect(run.stderr).toMatch(/^error: /);
});

test("plan tries again what can heal", async () => {
  await using story = await startStory();
  story.rules.push({ on: "ls-refs", fault: { kind: "status", status: 503 } });
  const run = await plan(story);
  expect(run.code).toBe(0);
  expect(run.json().updates).toHaveLength(2);
  expect(run.stderr).toContain("trying again in 1 s");
});

test("plan shows one mirror's plan although another is down", async () => {
  await using world = await startServiceWorld({ lanes: ["one", "two"] });
  await world.addRepository("tools");
  world.servers.side("two").rules.push({
    on: () => true,
    fault: { kind: "reset" },
    times: Number.POSITIVE_INFINITY,
  });
  const { configFile, secretsFile } = world.files;
  const files = ["--config", configFile, "--secrets", secretsFile];
  const run = await gerritMirror(["plan", "tools", "--json", "--retry-seconds", "0", ...files]);
  expect(run.code).toBe(1);
  const documents = run.json() as unknown as { mirror: string }[];
  expect(documents.toSorted((one, other) => one.mirror.localeCompare(other.mirror))).toMatchObject([
    { repository: "tools", mirror: "one", updates: [{ ref: "refs/heads/main", kind: "create" }] },
    { repository: "tools", mirror: "two", error: { code: "unreachable" } },
  ]);
});
