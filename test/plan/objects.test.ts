// Wants and haves in tables: what is asked for, in which order bases are offered, and the cap of 64.
import { describe, expect, test } from "vitest";
import { chooseHaves, chooseWants, HAVES_MAX } from "../../src/plan/objects.ts";
import { create, manyRefs, oid, oidOf, refList, refName, remove, update } from "./ref-lists.ts";

describe("wants", () => {
  test("are the new values in the updates' order, each once", () => {
    const updates = [create("a", "2"), update("b", "1", "3"), create("c", "2")];
    expect(chooseWants(updates, refList({ b: "1" }))).toEqual([oid("2"), oid("3")]);
  });

  test("leave out what the mirror shows under any name, or as its HEAD", () => {
    const updates = [create("a", "2"), create("b", "3"), create("c", "4")];
    expect(chooseWants(updates, refList({ "refs/tags/v1": "2" }, { head: "3" }))).toEqual([oid("4")]);
  });

  test("are none for deletions", () => {
    expect(chooseWants([remove("a", "1")], refList({ a: "1" }))).toEqual([]);
  });
});

describe("haves", () => {
  const none = refList({}, { head: "" });

  test("are old values first, then HEAD, then branches that the source shows too, then the other branches", () => {
    const mirror = refList({ other: "5", both: "6", changed: "1", "refs/tags/v1": "7" }, { head: "9" });
    const updates = [remove("gone", "8"), update("changed", "1", "2"), create("new", "3")];
    expect(chooseHaves(updates, mirror, refList({ both: "6", other: "4" }))).toEqual(
      ["1", "9", "6", "5"].map((letter) => oid(letter)),
    );
  });

  test("hold each value once", () => {
    const mirror = refList({ a: "1", b: "1", c: "1" }, { head: "1" });
    expect(chooseHaves([update("a", "1", "2")], mirror, refList({ b: "1" }))).toEqual([oid("1")]);
  });

  test("are none when the mirror shows nothing", () => {
    expect(chooseHaves([create("a", "1")], none, refList({ a: "1" }))).toEqual([]);
  });

  test("are at most 64, whichever kind fills them", () => {
    expect(HAVES_MAX).toBe(64);
    const mirror = manyRefs(0, 99);
    const updates = [...mirror.refs].map(
      ([name, old]) => ({ kind: "update", ref: refName(name), old, new: oid("e") }) as const,
    );
    const first = Array.from({ length: 64 }, (_, index) => oidOf(index));
    // Old values alone fill them; then 63 of them leave one place, which is HEAD's.
    expect(chooseHaves(updates, mirror, none)).toEqual(first);
    expect(chooseHaves(updates.slice(0, 63), mirror, none)).toEqual([...first.slice(0, 63), oid("f")]);
    expect(chooseHaves([], mirror, none)).toEqual([oid("f"), ...first.slice(0, 63)]);
    expect(chooseHaves([], mirror, manyRefs(30, 99))[1]).toEqual(oidOf(30));
    expect(chooseHaves([], mirror, mirror)).toHaveLength(64);
    expect(chooseHaves([], manyRefs(0, 61), none)).toHaveLength(63);
  });
});
