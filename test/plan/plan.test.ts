// The plan in tables: what is created, updated, deleted and left alone, why, in which order, and when a narrow plan widens.
import { describe, expect, test } from "vitest";
import type { RefList } from "../../src/model/ref-list.ts";
import { planNarrow, sharesTip } from "../../src/plan/plan.ts";
import { create, fullPlan, named, oid, refList, refName, remove, update } from "./ref-lists.ts";

describe("a full plan", () => {
  test("makes the mirror equal, deletes first, then by name", () => {
    const source = refList({ z: "a", b: "b", same: "c", "refs/tags/v1": "d", "old/x": "e" });
    const mirror = refList({ b: "1", same: "c", old: "2", gone: "3" });
    expect(fullPlan(source, mirror)).toEqual({
      scope: "full",
      engine: "relay",
      updates: [
        { ...remove("gone", "3"), reason: "gone" },
        { ...remove("old", "2"), reason: "gone" },
        { ...update("b", "1", "b"), reason: "differs" },
        { ...create("old/x", "e"), reason: "missing" },
        { ...create("z", "a"), reason: "missing" },
        { ...create("refs/tags/v1", "d"), reason: "missing" },
      ],
      wants: [oid("b"), oid("e"), oid("a"), oid("d")],
      haves: [oid("1"), oid("f"), oid("c"), oid("2"), oid("3")],
      skipped: [],
      deletions: { count: 2, digest: expect.stringMatching(/^[0-9a-f]{64}$/), held: false },
    });
  });

  test.each<[string, RefList, RefList]>([
    ["both are empty", refList({}, { head: "" }), refList({}, { head: "" })],
    ["both show the same", refList({ a: "a", b: "b" }), refList({ b: "b", a: "a" })],
  ])("does nothing when %s", (_name, source, mirror) => {
    const nothing = { scope: "full", engine: "relay", updates: [], wants: [], haves: [], skipped: [] };
    expect(fullPlan(source, mirror)).toEqual(nothing);
  });

  test("fills an empty mirror, without a have", () => {
    const plan = fullPlan(refList({ a: "a", b: "b" }), refList({}, { head: "" }));
    expect(plan.updates.map(({ kind, reason }) => [kind, reason])).toEqual([
      ["create", "missing"],
      ["create", "missing"],
    ]);
    expect([plan.wants, plan.haves]).toEqual([[oid("a"), oid("b")], []]);
  });

  test("leaves symbolic refs of either side alone", () => {
    const source = refList({ a: "a", plain: "a" }, { symbolic: ["s1", "s2", "s3"] });
    const mirror = refList({ a: "a", s2: "b" }, { symbolic: ["s3", "s4", "plain"] });
    const plan = fullPlan(source, mirror);
    expect(plan.updates).toEqual([]);
    expect(plan.skipped.map(({ ref, reason }) => [ref, reason])).toEqual([
      [refName("plain"), "symbolic"],
      [refName("s1"), "symbolic"],
      [refName("s2"), "symbolic"],
      [refName("s3"), "symbolic"],
      [refName("s4"), "symbolic"],
    ]);
  });

  test.each(["a..b", "a.lock", "a b", "-/.x", "x~1", "x/"])("skips the illegal name %j on either side", (name) => {
    const at = fullPlan(refList({ [name]: "a", ok: "b" }), refList({}));
    expect(at.updates).toEqual([{ ...create("ok", "b"), reason: "missing" }]);
    expect(at.skipped).toEqual([{ ref: refName(name), reason: "illegal" }]);
    const there = fullPlan(refList({ ok: "b" }), refList({ ok: "b", [name]: "a" }));
    expect(there.updates).toEqual([]);
    expect(there.skipped).toEqual([{ ref: refName(name), reason: "illegal", old: oid("a") }]);
    expect(there.deletions).toBeUndefined();
  });

  test("deletes announced refs whatever the guard says, and counts only the others", () => {
    const mirror = refList({ a: "1", b: "2", c: "3", d: "4" });
    const announced = new Set([refName("a"), refName("unknown")]);
    const plan = fullPlan(refList({}, { head: "" }), mirror, { announced });
    expect(plan.updates).toEqual([{ ...remove("a", "1"), reason: "announced" }]);
    expect(plan.deletions).toMatchObject({ count: 3, held: true });
    expect(plan.skipped).toEqual([
      { ref: refName("b"), reason: "guarded", old: oid("2") },
      { ref: refName("c"), reason: "guarded", old: oid("3") },
      { ref: refName("d"), reason: "guarded", old: oid("4") },
    ]);
  });

  test("does not delete an announced ref that the source lists again", () => {
    const plan = fullPlan(refList({ a: "b" }), refList({ a: "a" }), { announced: new Set([refName("a")]) });
    expect(plan.updates).toEqual([{ ...update("a", "a", "b"), reason: "differs" }]);
  });

  test("applies the rest while deletions are held, except what stands in their way", () => {
    const source = refList({ keep: "9", "a/b": "1", c: "2", free: "3" });
    const mirror = refList({ keep: "8", a: "4", "c/d/e": "5", "x/y": "6" });
    const plan = fullPlan(source, mirror);
    expect(plan.deletions).toMatchObject({ count: 3, held: true });
    expect(plan.updates).toEqual([
      { ...create("free", "3"), reason: "missing" },
      { ...update("keep", "8", "9"), reason: "differs" },
    ]);
    expect(plan.skipped.map(({ ref, reason }) => [ref, reason])).toEqual([
      [refName("a"), "guarded"],
      [refName("c/d/e"), "guarded"],
      [refName("x/y"), "guarded"],
      [refName("a/b"), "blocked"],
      [refName("c"), "blocked"],
    ]);
    expect(plan.wants).toEqual([oid("3"), oid("9")]);
  });

  test("carries out a rename to a name below in one go where nothing is held", () => {
    const plan = fullPlan(refList({ "a/b": "1" }), refList({ a: "1" }));
    expect(plan.updates.map(({ kind, ref }) => [kind, ref])).toEqual([
      ["delete", refName("a")],
      ["create", refName("a/b")],
    ]);
    expect([plan.wants, plan.haves]).toEqual([[], []]);
  });
});

describe("a narrow plan", () => {
  const plan = (names: Parameters<typeof planNarrow>[0]["named"], source: RefList, mirror: RefList) =>
    planNarrow({ named: names, source, mirror });

  test("touches the named refs alone, exactly by name", () => {
    const source = refList({ a: "1", ab: "2", "a/b": "3", b: "4" });
    const mirror = refList({ b: "5", c: "6", zz: "7" });
    expect(plan([named("b"), named("c", true), named("ab")], source, mirror)).toEqual({
      scope: "narrow",
      engine: "relay",
      updates: [
        { ...remove("c", "6"), reason: "announced" },
        { ...create("ab", "2"), reason: "missing" },
        { ...update("b", "5", "4"), reason: "differs" },
      ],
      wants: [oid("2"), oid("4")],
      haves: [oid("5"), oid("f"), oid("6"), oid("7")],
      skipped: [],
    });
  });

  test.each([
    ["equal on both sides", named("a"), refList({ a: "1" }), refList({ a: "1" }), "equal"],
    ["gone from both sides, announced", named("a", true), refList({}), refList({}), "equal"],
    ["gone from both sides, not announced", named("a"), refList({}), refList({}), "equal"],
    ["symbolic at the source", named("a"), refList({}, { symbolic: ["a"] }), refList({ a: "1" }), "symbolic"],
    ["symbolic at the mirror", named("a"), refList({ a: "1" }), refList({}, { symbolic: ["a"] }), "symbolic"],
    ["symbolic and announced", named("a", true), refList({}), refList({}, { symbolic: ["a"] }), "symbolic"],
  ])("skips a ref that is %s", (_name, name, source, mirror, reason) => {
    expect(plan([name], source, mirror)).toMatchObject({
      updates: [],
      wants: [],
      haves: [],
      skipped: [{ ref: refName("a"), reason }],
    });
  });

  test("follows the source where it shows a ref whose deletion was announced", () => {
    expect(plan([named("a", true)], refList({ a: "2" }), refList({ a: "1" }))).toMatchObject({
      updates: [{ ...update("a", "1", "2"), reason: "differs" }],
    });
  });

  test.each([
    ["a named ref is missing without an announcement", [named("a")], refList({}), refList({ a: "1" })],
    ["one of several is", [named("b"), named("a")], refList({ b: "2" }), refList({ a: "1" })],
  ])("widens when %s", (_name, names, source, mirror) => {
    expect(plan(names, source, mirror)).toEqual({ widen: "unannounced-deletion" });
  });

  test("widens when the mirror has refs below a name that is to be created, unless it deletes them itself", () => {
    const source = refList({ a: "1" });
    const mirror = refList({ "a/b": "2" });
    expect(plan([named("a")], source, mirror)).toEqual({ widen: "name-conflict" });
    expect(plan([named("a"), named("a/b", true)], source, mirror)).toMatchObject({
      updates: [{ kind: "delete" }, { kind: "create" }],
    });
    expect(plan([named("a")], source, refList({ ab: "2", b: "1" }))).toMatchObject({ updates: [{ kind: "create" }] });
    expect(plan([named("a")], source, refList({ a: "3", "a/b": "2" }))).toMatchObject({
      updates: [{ kind: "update" }],
    });
  });
});

test("two lists share a tip when any value is on both, under whatever name, and HEAD does not count", () => {
  expect(sharesTip(refList({ a: "1" }), refList({ z: "1" }))).toBe(true);
  expect(sharesTip(refList({ a: "1" }), refList({ a: "2" }))).toBe(false);
  expect(sharesTip(refList({ a: "1" }), refList({}))).toBe(false);
});
