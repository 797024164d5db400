// The operator's command on real servers: `mirror` and `plan` with two URLs, their JSON, their text and their exit codes.
import { describe, expect, test } from "vitest";
import { refBytes } from "../../src/model/ref.ts";
import { refuseRef } from "../support/refusing-hooks.ts";
import { commit, deleteRef, refsOf, resolve, symbolicRef, updateRef } from "../support/repositories.ts";
import { gerritMirror } from "./command.ts";
import { type Story, startStory } from "./story.ts";

const MAIN = "refs/heads/main";

const words = (story: Story, command: "mirror" | "plan", ...more: string[]) => [
  ...[command, "--from", story.urlOf("source"), "--to", story.urlOf("mirror"), ...more],
];

describe("mirror --json", () => {
  test("prints the one document of the design and ends with 0 when equal", async () => {
    await using story = await startStory();
    const first = await gerritMirror(words(story, "mirror", "--json"));
    expect(first.code).toBe(0);
    expect(first.stderr).toBe("");
    const document = first.json();
    expect(document).toEqual({
      repository: "source",
      mirror: story.urlOf("mirror"),
      outcome: "equal",
      engine: "relay",
      refs: [
        {
          ref: MAIN,
          kind: "create",
          old: null,
          new: await resolve(story.source, MAIN),
          outcome: "applied",
          reason: "missing",
        },
        {
          ...{ ref: "refs/tags/v1", kind: "create", old: null, new: await resolve(story.source, "refs/tags/v1") },
          ...{ outcome: "applied", reason: "missing" },
        },
      ],
      bytes: { fetched: expect.any(Number), sent: expect.any(Number) },
      requests: { source: 4, mirror: 5 },
      milliseconds: expect.any(Number),
    });
    expect(document.requests).toEqual({
      source: story.requests("source").length,
      mirror: story.requests("mirror").length,
    });
    await story.prove();
    const second = await gerritMirror(words(story, "mirror", "--json"));
    expect(second.code).toBe(0);
    expect(second.json()).toMatchObject({ outcome: "equal", refs: [], bytes: { fetched: 0, sent: 0 } });
  });

  test("shows names as text and lost oids, and deletes", async () => {
    await using story = await startStory();
    await story.run();
    await updateRef(story.source, refBytes("refs/heads/grün/日本"), await resolve(story.source, MAIN));
    await updateRef(story.source, "refs/heads/\xe9", await resolve(story.source, MAIN));
    const lost = await commit(story.mirror, { branch: "theirs", parents: [MAIN], message: "theirs" });
    const run = await gerritMirror(words(story, "mirror", "--json"));
    expect(run.code).toBe(0);
    const refs = run.json().refs as { ref: string }[];
    expect(refs.map(({ ref }) => ref).sort()).toEqual(
      ["refs/heads/grün/日本", "refs/heads/theirs", "refs/heads/é"].sort(),
    );
    expect(refs.find(({ ref }) => ref === "refs/heads/theirs")).toEqual({
      ...{ ref: "refs/heads/theirs", kind: "delete", old: lost, new: null, outcome: "applied", reason: "gone" },
    });
    await story.prove();
  });

  test("ends with 1 when one ref was refused, with the rest done", async () => {
    await using story = await startStory();
    await story.run();
    await refuseRef(story.mirror, "refs/heads/bad");
    for (const branch of ["bad", "good"]) await commit(story.source, { branch, parents: [MAIN], message: branch });
    const run = await gerritMirror(words(story, "mirror", "--json"));
    expect(run.code).toBe(1);
    expect(run.json()).toMatchObject({
      outcome: "partial",
      error: { code: "rejected", message: expect.stringContaining("refs/heads/bad"), remedy: expect.any(String) },
    });
    expect((await refsOf(story.mirror)).has("refs/heads/good")).toBe(true);
  });

  test("holds a mass deletion with 1 until its digest is given", async () => {
    await using story = await startStory();
    for (let n = 0; n < 5; n++) await commit(story.source, { branch: `b${n}`, parents: [MAIN], message: `${n}` });
    await story.run();
    for (let n = 0; n < 5; n++) await deleteRef(story.source, `refs/heads/b${n}`);
    const held = await gerritMirror(words(story, "mirror", "--json"));
    expect(held.code).toBe(1);
    const { deletions } = held.json() as { deletions: { count: number; digest: string; held: boolean } };
    expect(held.json()).toMatchObject({
      outcome: "partial",
      deletions: { count: 5, held: true },
      error: { code: "guarded" },
    });
    const other = await gerritMirror(words(story, "mirror", "--json", "--allow-deletes", "f".repeat(64)));
    expect(other.code).toBe(1);
    expect(other.json()).toMatchObject({ deletions: { digest: deletions.digest, held: true } });
    const planned = await gerritMirror(words(story, "plan", "--json"));
    expect(planned.json()).toMatchObject({ updates: [], deletions });
    const approved = await gerritMirror(words(story, "mirror", "--json", "--allow-deletes", deletions.digest));
    expect(approved.code).toBe(0);
    expect(approved.json()).toMatchObject({ outcome: "equal" });
    await story.prove();
  });

  test("says in one document why it failed", async () => {
    await using story = await startStory();
    const to = story.server.urlOf("nowhere.git");
    const run = await gerritMirror(["mirror", "--from", story.urlOf("source"), "--to", to, "--json"]);
    expect(run.code).toBe(1);
    expect(run.json()).toMatchObject({
      outcome: "failed",
      refs: [],
      bytes: { fetched: 0, sent: 0 },
      error: { code: "not-found", message: expect.stringContaining(`mirror ${to}`), remedy: expect.any(String) },
    });
  });

  test("tries again what can heal, and tells it on stderr", async () => {
    await using story = await startStory();
    story.rules.push({ on: "ls-refs", fault: { kind: "status", status: 503 } });
    const run = await gerritMirror(words(story, "mirror", "--json"));
    expect(run.code).toBe(0);
    expect(run.json()).toMatchObject({ outcome: "equal" });
    expect(run.stderr).toContain("trying again");
    await story.prove();
  });
});

describe("mirror without --json", () => {
  test("prints what moved for a person", async () => {
    await using story = await startStory();
    const run = await gerritMirror(words(story, "mirror"));
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/equal/);
    expect(run.stdout).toMatch(/2 refs moved/);
    expect(run.stdout).toContain(MAIN);
  });
});

describe("plan", () => {
  test("prints what would change and why, sends nothing, ends with 0", async () => {
    await using story = await startStory();
    await story.run();
    await commit(story.source, { message: "moved" });
    await commit(story.source, { branch: "new", parents: [MAIN], message: "new" });
    await symbolicRef(story.source, "refs/heads/alias", MAIN);
    const theirs = await commit(story.mirror, { branch: "theirs", parents: [MAIN], message: "theirs" });
    const before = await refsOf(story.mirror);
    story.forget();
    const run = await gerritMirror(words(story, "plan", "--json"));
    expect(run.code).toBe(0);
    const tip = await resolve(story.source, MAIN);
    expect(run.json()).toEqual({
      repository: "source",
      mirror: story.urlOf("mirror"),
      engine: "relay",
      updates: [
        { ref: "refs/heads/theirs", kind: "delete", old: theirs, new: null, reason: "gone" },
        { ref: MAIN, kind: "update", old: before.get(MAIN), new: tip, reason: "differs" },
        {
          ref: "refs/heads/new",
          kind: "create",
          old: null,
          new: await resolve(story.source, "refs/heads/new"),
          reason: "missing",
        },
      ],
      skipped: [{ ref: "refs/heads/alias", reason: "symbolic" }],
      deletions: { count: 1, digest: expect.stringMatching(/^[0-9a-f]{64}$/), held: false },
    });
    expect(await refsOf(story.mirror)).toEqual(before);
    expect(story.requests("mirror", "receive-pack")).toEqual([]);
    const text = await gerritMirror(words(story, "plan"));
    expect(text.code).toBe(0);
    expect(text.stdout).toContain("3 refs would move");
  });

  test("of equal sides is empty", async () => {
    await using story = await startStory();
    await story.run();
    const run = await gerritMirror(words(story, "plan", "--json"));
    expect(run.code).toBe(0);
    expect(run.json()).toMatchObject({ updates: [], skipped: [] });
  });
});

describe("--refs", () => {
  test("takes exact names, prefixes and expressions", async () => {
    await using story = await startStory();
    for (const branch of ["release/1", "dev"]) await commit(story.source, { branch, parents: [MAIN], message: branch });
    const patterns = ["--refs", MAIN, "--refs", "refs/heads/release/*", "--refs", "^refs/tags/v[0-9]+$"];
    const run = await gerritMirror(words(story, "mirror", "--json", ...patterns));
    expect(run.code).toBe(0);
    expect([...(await refsOf(story.mirror)).keys()]).toEqual([MAIN, "refs/heads/release/1", "refs/tags/v1"]);
  });
});

describe("wrong usage ends with 2 and sends nothing", () => {
  test.each([
    ["--refs", "heads/*"],
    ["--refs", "^refs/(heads"],
    ["--retry-seconds", "soon"],
    ["--allow-deletes", "yes"],
    ["--mirror", "github"],
    ["--unknown"],
    ["repository"],
  ])("%s %s", async (...more) => {
    await using story = await startStory();
    const run = await gerritMirror(words(story, "mirror", "--json", ...more));
    expect(run.code).toBe(2);
    expect(run.stdout).toBe("");
    expect(run.stderr).toMatch(/^error: /);
    expect(story.server.requests).toEqual([]);
  });
});
