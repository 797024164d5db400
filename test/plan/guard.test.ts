// The deletion guard at its edges: how many, which share, an empty source, a missing HEAD, and approval by the exact digest.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULT_GUARD, deletionsDigest, holdsDeletions } from "../../src/plan/guard.ts";
import { oids, refNames } from "../model/arbitraries.ts";
import { fullPlan, manyRefs, oid, refList, refName, remove } from "./ref-lists.ts";

const LISTED = { sourceIsEmpty: false, sourceHasHead: true, limits: DEFAULT_GUARD };

test("the defaults are 3, 20 % and 100", () => {
  expect(DEFAULT_GUARD).toEqual({ deletionsMin: 3, percent: 20, deletionsMax: 100 });
});

describe("holds", () => {
  test.each([
    [0, 0, false],
    [1, 1, false],
    [2, 2, false],
    [3, 3, true],
    [3, 14, true],
    [3, 15, false],
    [3, 16, false],
    [4, 19, true],
    [4, 20, false],
    [20, 100, false],
    [21, 100, true],
    [99, 10_000, false],
    [100, 10_000, false],
    [101, 10_000, true],
    [101, 100_000, true],
  ])("%i deletions of %i managed refs: %s", (deletions, managed, held) => {
    expect(holdsDeletions({ ...LISTED, deletions, managed })).toBe(held);
  });

  test("a single deletion when the source lists nothing or has no HEAD, but not none", () => {
    for (const state of [{ sourceIsEmpty: true }, { sourceHasHead: false }]) {
      expect(holdsDeletions({ ...LISTED, ...state, deletions: 1, managed: 1_000 })).toBe(true);
      expect(holdsDeletions({ ...LISTED, ...state, deletions: 0, managed: 1_000 })).toBe(false);
    }
  });

  test.each([
    [{ deletionsMin: 1, percent: 0, deletionsMax: 100 }, 1, 1_000, true],
    [{ deletionsMin: 3, percent: 100, deletionsMax: 100 }, 3, 3, false],
    [{ deletionsMin: 3, percent: 20, deletionsMax: 0 }, 1, 1_000, true],
    [{ deletionsMin: 10, percent: 20, deletionsMax: 100 }, 9, 9, false],
    [{ deletionsMin: 10, percent: 20, deletionsMax: 100 }, 10, 10, true],
  ])("as %j says: %i of %i: %s", (limits, deletions, managed, held) => {
    expect(holdsDeletions({ ...LISTED, limits, deletions, managed })).toBe(held);
  });
});

describe("in a plan", () => {
  test.each([
    ["two of two", 2, 2, false],
    ["three of fifteen", 3, 15, false],
    ["three of fourteen", 3, 14, true],
    ["a hundred of a thousand", 100, 1_000, false],
    ["a hundred and one of a thousand", 101, 1_000, true],
  ])("%s", (_name, gone, all, held) => {
    const source = manyRefs(gone, Math.max(all, gone + 1) - 1);
    if (gone === all) source.refs.set(refName("other"), oid("a"));
    const plan = fullPlan(source, manyRefs(0, all - 1));
    expect(plan.deletions).toMatchObject({ count: gone, held });
    const deletes = plan.updates.filter(({ kind }) => kind === "delete");
    expect(deletes).toHaveLength(held ? 0 : gone);
    expect(plan.skipped).toHaveLength(held ? gone : 0);
  });

  test("an empty source or one without HEAD holds even one deletion", () => {
    expect(fullPlan(refList({}), refList({ a: "1" })).deletions).toMatchObject({ count: 1, held: true });
    expect(fullPlan(refList({ b: "1" }, { head: "" }), refList({ a: "1", b: "1" })).deletions).toMatchObject({
      count: 1,
      held: true,
    });
    expect(fullPlan(refList({ b: "1" }), refList({ a: "1", b: "1" })).deletions).toMatchObject({ held: false });
  });

  test("announced deletions do not count: twelve gone of which ten were announced leaves two", () => {
    const announced = new Set(Array.from({ length: 10 }, (_, index) => refName(`branch-${index}`)));
    const source = manyRefs(12, 20);
    const plan = fullPlan(source, manyRefs(0, 20), { announced });
    expect(plan.deletions).toMatchObject({ count: 2, held: false });
    expect(plan.updates.filter(({ reason }) => reason === "announced")).toHaveLength(10);
    expect(plan.updates.filter(({ reason }) => reason === "gone")).toHaveLength(2);
    const empty = fullPlan(refList({}, { head: "" }), manyRefs(0, 9), { announced });
    expect(empty.deletions).toBeUndefined();
    expect(empty.updates).toHaveLength(10);
  });

  test("a digest approves exactly the set it names", () => {
    const mirror = manyRefs(0, 9);
    const held = fullPlan(manyRefs(5, 9), mirror).deletions;
    expect(held).toMatchObject({ count: 5, held: true });
    const allowDeletes = held?.digest ?? "";
    const approved = fullPlan(manyRefs(5, 9), mirror, { allowDeletes });
    expect(approved.updates.map(({ kind, reason }) => [kind, reason])).toEqual(
      Array.from({ length: 5 }, () => ["delete", "approved"]),
    );
    expect(approved.deletions).toEqual({ count: 5, digest: allowDeletes, held: false });
    // One more ref gone, one less, one with another value: another set, held again.
    const moved = manyRefs(0, 9);
    moved.refs.set(refName("branch-0"), oid("c"));
    for (const [source, then] of [
      [manyRefs(6, 9), mirror],
      [manyRefs(4, 9), mirror],
      [manyRefs(5, 9), moved],
    ] as const) {
      const other = fullPlan(source, then, { allowDeletes });
      expect(other.deletions?.held).toBe(true);
      expect(other.deletions?.digest).not.toBe(allowDeletes);
      expect(other.updates).toEqual([]);
    }
    expect(fullPlan(manyRefs(5, 9), mirror, { allowDeletes: "" }).deletions?.held).toBe(true);
  });

  test("an empty source's deletions can be approved too", () => {
    const digest = fullPlan(refList({}, { head: "" }), refList({ a: "1" })).deletions?.digest ?? "";
    const plan = fullPlan(refList({}, { head: "" }), refList({ a: "1" }), { allowDeletes: digest });
    expect(plan.updates).toEqual([{ ...remove("a", "1"), reason: "approved" }]);
  });
});

describe("the digest", () => {
  test("is SHA-256 over the sorted lines `oid SP ref LF`, in whatever order the refs came", () => {
    const sets = fc.uniqueArray(fc.tuple(refNames, oids), { selector: ([ref]) => ref, minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(sets, (entries) => {
        const deletions = entries.map(([ref, old]) => ({ kind: "delete", ref, old }) as const);
        const lines = entries.map(([ref, old]) => Buffer.from(`${old} ${ref}\n`, "latin1")).sort(Buffer.compare);
        const expected = createHash("sha256").update(Buffer.concat(lines)).digest("hex");
        expect(deletionsDigest(deletions)).toBe(expected);
        expect(deletionsDigest([...deletions].reverse())).toBe(expected);
      }),
    );
  });

  test("of two known lines is what sha256sum says", () => {
    expect(deletionsDigest([remove("b", "2"), remove("a", "1")])).toBe(
      "9d0ee4b85fc6663e58053b7815a73dc911be97c391d75a9a6d2b8e39b080dec5",
    );
  });
});
