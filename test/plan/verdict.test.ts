// What became of an update, for every combination of kind, value shown and report line; and which refs a host named.
import { describe, expect, test } from "vitest";
import type { CommandResult } from "../../src/model/report.ts";
import { isConflict, judgeUpdate, refsNamed } from "../../src/plan/verdict.ts";
import { create, oid, refName, remove, update } from "./ref-lists.ts";

const OK: CommandResult = { ok: true };
const NG: CommandResult = { ok: false, reason: "protected branch hook declined" };
const LOCK: CommandResult = { ok: false, reason: "failed to update ref" };
const RESULTS: [string, CommandResult | undefined, string][] = [
  ["no line", undefined, "unanswered"],
  ["ok", OK, "unproven"],
  ["ng", NG, "rejected"],
  ["ng of a lock", LOCK, "conflict"],
];

describe.each([
  ["create", create("a", "2"), "2", undefined],
  ["update", update("a", "1", "2"), "2", "1"],
  ["delete", remove("a", "1"), undefined, "1"],
] as const)("a %s", (_kind, planned, target, old) => {
  const shown = (letter: string | undefined) => (letter === undefined ? undefined : oid(letter));

  test.each(RESULTS)("with %s is judged by what the mirror shows", (_name, result, unchanged) => {
    expect(judgeUpdate(planned, shown(target), result)).toEqual({ kind: "applied" });
    expect(judgeUpdate(planned, oid("9"), result)).toEqual({ kind: "moved", reason: `the mirror shows ${oid("9")}` });
    expect(judgeUpdate(planned, shown(old), result).kind).toBe(unchanged);
  });

  test("says the host's reason where it was refused", () => {
    expect(judgeUpdate(planned, shown(old), NG)).toEqual({ kind: "rejected", reason: NG.reason });
    expect(judgeUpdate(planned, shown(old), LOCK)).toEqual({ kind: "conflict", reason: LOCK.reason });
  });
});

test("an update whose ref is gone from the mirror has moved", () => {
  expect(judgeUpdate(update("a", "1", "2"), undefined, OK)).toEqual({
    kind: "moved",
    reason: "the mirror shows no such ref",
  });
});

describe("a refusal may be a conflict", () => {
  test.each([
    ["failed to update ref", true],
    ["failed to lock", true],
    ["failed to delete", true],
    ["Cannot lock ref 'refs/heads/a': is at 1 but expected 2", true],
    ["cannot create", true],
    ["already exists", true],
    ["reference already exists", true],
    ["reference does not exist", true],
    ["incorrect old value provided", true],
    ["invalid old id sent", true],
    ["stale info", true],
    ["reference conflict due to D/F conflict", true],
    ["refname conflict", true],
    ["transaction aborted", true],
    ["pre-receive hook declined", false],
    ["protected branch hook declined", false],
    ["non-fast-forward", false],
    ["prohibited by Gerrit: not permitted: create", false],
    ["deletion prohibited", false],
    ["no reason given", false],
    ["", false],
  ])("%j: %s", (reason, conflict) => {
    expect(isConflict(reason)).toBe(conflict);
  });
});

describe("refs that a host named", () => {
  const a = create("a", "1");
  const ab = create("ab", "1");
  const below = create("a/b", "1");
  const tag = create("refs/tags/v1.0", "1");
  const umlaut = create(refName(Buffer.from("refs/heads/größe").toString("latin1")), "1");
  const all = [a, ab, below, tag, umlaut];

  test.each([
    ["remote: error: refs/heads/a is protected", [a]],
    ["GH006: Protected branch update failed for refs/heads/a.", [a]],
    ["refused: 'refs/heads/a', \"refs/heads/ab\"", [a, ab]],
    ["refs/heads/a", [a]],
    ["(refs/heads/a/b)\n", [below]],
    ["xrefs/heads/a and prefs/heads/ab", []],
    ["no refs/heads/abc here, nor refs/heads/a-b, nor refs/heads/a/c, nor refs/heads/a.b", []],
    ["refs/tags/v1.0.", [tag]],
    ["refs/tags/v1.0.1", []],
    ["Branch 'größe' is protected", [umlaut]],
    ["refs/heads/größe", [umlaut]],
    ["tag v1.0 exists", [tag]],
    ["branch ab, then a/b", [ab, below]],
    ["refs/heads/ab is like a/b", [ab]],
    ["pre-receive hook declined", []],
    ["", []],
  ])("in %j", (text, named) => {
    expect(refsNamed(all, text)).toEqual(named);
  });

  test("a later whole name counts though an earlier one was part of another", () => {
    expect(refsNamed([a], "refs/heads/abc, refs/heads/a")).toEqual([a]);
  });
});
