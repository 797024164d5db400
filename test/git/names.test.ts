// Which refs are touched, whatever bytes their names are made of: odd names, symbolic refs, unmanaged refs, patterns.
import { describe, expect, test } from "vitest";
import { parsePattern } from "../../src/model/pattern.ts";
import { isRefName, refBytes } from "../../src/model/ref.ts";
import { tryGit } from "../support/git.ts";
import {
  commit,
  deleteRef,
  refsOf,
  resolve,
  symbolicRef,
  symrefsOf,
  updateRef,
  updateRefs,
} from "../support/repositories.ts";
import { entryOf, named, startStory } from "./story.ts";

const MAIN = "refs/heads/main";

/** A component is a file's name with ".lock" behind it, the whole a path below the repository's folder. */
const LONG = `refs/heads/${Array.from({ length: 13 }, (_, index) => String(index).padEnd(249, "y")).join("/")}`;

const ODD_NAMES = [
  ...["grün/日本/😀", "à", "Ā"].map((text) => `refs/heads/${refBytes(text)}`),
  "refs/heads/\xe9t\xe9",
  "refs/tags/\xff\xfe",
  "refs/heads/\xc3(", // begins like UTF-8
  ...[
    "@",
    "a@b",
    "100%",
    "%2e%2e",
    "%00",
    "-dash",
    "--all",
    "HEAD",
    "refs/heads/main",
    "a.lockx",
    "capabilities",
    "x^{}",
  ]
    .map((name) => `refs/heads/${name}`)
    .filter((name) => isRefName(name)),
  "refs/tags/!$&'()+,;=\"#<>|{}`",
  "refs/heads/0000000000000000000000000000000000000001",
  LONG,
];

describe("odd names", () => {
  test("every byte that git allows, within a name and at its end", async () => {
    await using story = await startStory();
    const tip = await resolve(story.source, MAIN);
    const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
    const within = bytes.map((byte) => `refs/heads/in/x${byte}y`).filter((name) => isRefName(name));
    const atEnd = bytes.map((byte) => `refs/tags/end/x${byte}`).filter((name) => isRefName(name));
    const alone = bytes.map((byte) => `refs/tags/alone/${byte}`).filter((name) => isRefName(name));
    expect([within.length, atEnd.length].every((count) => count > 210)).toBe(true);
    const odd = [...within, ...atEnd, ...alone].filter((name) => !name.includes("/xx/"));
    await updateRefs(
      story.source,
      odd.filter((name) => name !== "refs/heads/in/x/y").map((name) => [name, tip]),
    );
    const { report } = await story.run();
    expect(report.outcome).toBe("equal");
    await story.prove();
    const one = odd.filter((name) => name.endsWith("\xa0") || name.endsWith("\x85"));
    const next = await commit(story.source, { message: "for the ends" });
    await updateRefs(
      story.source,
      one.map((name) => [name, next]),
    );
    const narrow = await story.narrow([named(MAIN), ...one.map((name) => named(name))]);
    expect(narrow.report).toMatchObject({ outcome: "equal", scope: "narrow" });
    await story.prove();
  });

  test("the names agree with git's own rule", async () => {
    const judged = await Promise.all(
      ODD_NAMES.filter((name) => /^[\x21-\x7e]*$/.test(name)).map(
        async (name) => (await tryGit(["check-ref-format", name])).code,
      ),
    );
    expect(new Set(judged)).toEqual(new Set([0]));
  });

  test("are made, moved and deleted in narrow runs", async () => {
    await using story = await startStory();
    await story.run();
    const tip = await resolve(story.source, MAIN);
    const steps: [string | null, boolean][] = [
      [tip, false],
      [await commit(story.source, { branch: "other", parents: [MAIN], message: "other" }), false],
      [null, true],
    ];
    for (const [value, deleted] of steps) {
      await updateRefs(
        story.source,
        ODD_NAMES.map((name) => [name, value]),
      );
      const jobs = [...ODD_NAMES.map((name) => named(name, { deleted })), named("refs/heads/other")];
      const { report } = await story.narrow(jobs);
      expect(report.error).toBeUndefined();
      expect(report.refs.filter(({ outcome }) => outcome === "applied").length).toBeGreaterThanOrEqual(
        ODD_NAMES.length,
      );
      await story.prove();
    }
  });

  test("a name that another begins with is not mistaken for it", async () => {
    await using story = await startStory();
    for (const branch of ["a", "ab", "a-b"]) await commit(story.source, { branch, parents: [MAIN], message: branch });
    await story.run();
    const kept = await resolve(story.source, "refs/heads/ab");
    for (const branch of ["a", "ab", "a-b"]) await commit(story.source, { branch, message: "again" });
    const { report } = await story.narrow([named("refs/heads/a")]);
    expect(report).toMatchObject({ outcome: "equal", scope: "narrow" });
    expect(report.refs.map(({ ref }) => ref)).toEqual(["refs/heads/a"]);
    expect((await refsOf(story.mirror)).get("refs/heads/ab")).toBe(kept);
  });
});

describe("symbolic refs are left alone", () => {
  test("on the source: nothing is made of them on the mirror", async () => {
    await using story = await startStory();
    await symbolicRef(story.source, "refs/heads/alias", MAIN);
    const result = await story.run();
    expect(result.report.outcome).toBe("equal");
    expect(entryOf(result, "refs/heads/alias")).toMatchObject({ outcome: "skipped", reason: "symbolic" });
    await commit(story.source, { message: "moved" });
    expect((await story.narrow([named("refs/heads/alias"), named(MAIN)])).report.outcome).toBe("equal");
    expect((await refsOf(story.mirror)).has("refs/heads/alias")).toBe(false);
    await story.prove();
  });

  test("on the mirror: neither deleted, nor written through, nor replaced", async () => {
    await using story = await startStory();
    await story.run();
    await symbolicRef(story.mirror, "refs/heads/current", MAIN);
    await symbolicRef(story.mirror, "refs/heads/both", "refs/heads/elsewhere");
    await symbolicRef(story.mirror, "refs/heads/pointing", MAIN);
    await commit(story.source, { branch: "pointing", parents: [`${MAIN}^`], message: "a real branch here" });
    await commit(story.source, { message: "moved" });
    const symbolic = await symrefsOf(story.mirror);
    const result = await story.run();
    expect(result.report.outcome).toBe("equal");
    for (const ref of ["refs/heads/current", "refs/heads/pointing"])
      expect(entryOf(result, ref)).toMatchObject({ outcome: "skipped", reason: "symbolic" });
    expect((await story.narrow([named("refs/heads/pointing"), named(MAIN)])).report.outcome).toBe("equal");
    expect(await symrefsOf(story.mirror)).toEqual(symbolic);
    expect((await refsOf(story.mirror)).get(MAIN)).toBe(await resolve(story.source, MAIN));
  });
});

describe("refs outside the managed patterns", () => {
  const FOREIGN = ["refs/notes/commits", "refs/meta/config", "refs/pull/1/head", "refs/changes/01/1/1", "refs/x"];

  test("stay on the mirror, and those of the source stay there", async () => {
    await using story = await startStory();
    await story.run();
    for (const ref of FOREIGN) await commit(story.mirror, { branch: ref, parents: [], message: ref });
    await commit(story.source, { branch: "refs/changes/02/2/1", parents: [MAIN], message: "a change" });
    await commit(story.source, { branch: "refs/meta/config", parents: [], message: "access rights" });
    await commit(story.source, { message: "moved" });
    const before = await refsOf(story.mirror);
    const { report } = await story.run();
    expect(report.refs.map(({ ref }) => ref)).toEqual([MAIN]);
    await story.prove();
    const after = await refsOf(story.mirror);
    for (const ref of FOREIGN) expect(after.get(ref)).toBe(before.get(ref));
    expect(after.size).toBe(before.size);
  });

  test("patterns decide: exact names, prefixes, expressions, and other rooms than heads and tags", async () => {
    await using story = await startStory();
    for (const branch of ["release/1", "release/2", "dev", "refs/meta/config", "refs/notes/review"])
      await commit(story.source, { branch, parents: [MAIN], message: branch });
    await commit(story.mirror, { branch: "mine", parents: [], message: "the mirror's own" });
    const managed = [MAIN, "refs/heads/release/*", "^refs/(meta|notes)/"].map(parsePattern);
    expect((await story.run({ managed })).report.outcome).toBe("equal");
    const names = [
      MAIN,
      "refs/heads/mine",
      "refs/heads/release/1",
      "refs/heads/release/2",
      "refs/meta/config",
      "refs/notes/review",
    ];
    expect([...(await refsOf(story.mirror)).keys()].sort()).toEqual(names.sort());
    await deleteRef(story.source, "refs/heads/release/2");
    await updateRef(story.source, "refs/notes/review", await resolve(story.source, MAIN));
    const { report } = await story.run({ managed });
    expect(report.refs.map(({ ref, kind }) => [ref, kind])).toEqual([
      ["refs/heads/release/2", "delete"],
      ["refs/notes/review", "update"],
    ]);
  });
});
