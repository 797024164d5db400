// Directory/file conflicts: which creates a held deletion blocks, and which a narrow plan must not try.
import { describe, expect, test } from "vitest";
import { blockedByHeld, conflictsBelow, leadingPaths } from "../../src/plan/conflicts.ts";
import { create, refList, refName, remove, update } from "./ref-lists.ts";

test.each([
  ["refs/heads/a", ["refs/heads"]],
  ["refs/heads/a/b/c", ["refs/heads", "refs/heads/a", "refs/heads/a/b"]],
  ["refs/x", []],
])("the leading paths of %s are %j", (name, paths) => {
  expect(leadingPaths(name)).toEqual(paths);
});

describe("a held deletion", () => {
  test.each([
    ["a/b", "a", true],
    ["a/b/c", "a", true],
    ["a", "a/b", true],
    ["a", "a/b/c", true],
    ["a/b", "a/b/c", true],
    ["ab", "a", false],
    ["a", "ab", false],
    ["a/b", "a/c", false],
    ["refs/tags/a/b", "a", false],
  ])("create %s beside held %s: blocked is %s", (name, held, blocked) => {
    const expected = blocked ? [refName(name)] : [];
    expect([...blockedByHeld([create(name, "1")], [remove(held, "2")])]).toEqual(expected);
  });

  test("blocks no update and nothing when none is held", () => {
    expect(blockedByHeld([update("a/b", "1", "2")], [remove("a", "2")]).size).toBe(0);
    expect(blockedByHeld([create("a/b", "1")], []).size).toBe(0);
  });
});

describe("refs below a name that is created", () => {
  test.each([
    ["at any depth", [create("a", "1")], { "a/b/c": "2" }, true],
    ["with the same beginning only", [create("a", "1")], { ab: "2", "b/a": "3" }, false],
    ["below a name that is updated", [update("a", "1", "2")], { "a/b": "2" }, false],
    ["deleted by the same plan", [create("a", "1"), remove("a/b", "2")], { "a/b": "2" }, false],
    ["not all deleted", [create("a", "1"), remove("a/b", "2")], { "a/b": "2", "a/c": "2" }, true],
    ["above it", [create("a/b", "1")], { a: "2" }, false],
  ])("%s", (_name, updates, mirror, conflict) => {
    expect(conflictsBelow(updates, refList(mirror as Record<string, string>))).toBe(conflict);
  });
});
