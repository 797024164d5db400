// What each side is asked for, which names enter its list, and which refs are managed.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePattern } from "../../src/model/pattern.ts";
import {
  NAMED_READ_MAX,
  READ_HEADS,
  readManaged,
  readNamedAtMirror,
  readNamedAtSource,
  readUpdated,
} from "../../src/plan/reading.ts";
import { DEFAULT_REF_PATTERNS, managedPrefixes, managesRef } from "../../src/plan/ref-patterns.ts";
import { closeRefNames } from "../model/arbitraries.ts";
import { create, named, refName } from "./ref-lists.ts";

const patterns = (...texts: string[]) => texts.map(parsePattern);

describe("managed refs", () => {
  test("are branches and tags by default", () => {
    const managed = (name: string) => managesRef(DEFAULT_REF_PATTERNS, name);
    expect(["refs/heads/a", "refs/heads/a/b", "refs/tags/v1"].every(managed)).toBe(true);
    const others = ["refs/changes/01/1/1", "refs/meta/config", "refs/notes/x", "refs/headsx/a", "HEAD", ""];
    expect(others.some(managed)).toBe(false);
  });

  test.each([
    [
      ["refs/heads/*", "refs/tags/*"],
      ["refs/heads/", "refs/tags/"],
    ],
    [["refs/heads/*", "refs/heads/main"], ["refs/heads/"]],
    [["refs/heads/main", "refs/heads/main"], ["refs/heads/main"]],
    [["refs/heads/a", "refs/heads/ab"], ["refs/heads/a"]],
    [["refs/*", "refs/heads/*"], ["refs/"]],
    [["*"], ["refs/"]],
    [["ref*"], ["refs/"]],
    [["HEAD"], ["refs/"]],
    [["^refs/heads/(?:a|b)$"], ["refs/"]],
    [["^refs/heads/v[0-9]"], ["refs/heads/v"]],
    [["^.*$", "refs/tags/*"], ["refs/"]],
    [[], []],
  ])("of %j lie below %j", (texts, prefixes) => {
    expect(managedPrefixes(patterns(...texts))).toEqual(prefixes);
  });

  test("lie below a prefix each, and no prefix lies within another", () => {
    const texts = fc.array(
      fc.oneof(
        closeRefNames,
        closeRefNames.map((name) => `${name}*`),
        closeRefNames.map((name) => `^${name}(?:/|$)`),
      ),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(texts, closeRefNames, (written, name) => {
        const parsed = patterns(...written);
        const prefixes = managedPrefixes(parsed);
        if (managesRef(parsed, name)) expect(prefixes.some((prefix) => name.startsWith(prefix))).toBe(true);
        for (const prefix of prefixes) expect(prefixes.filter((other) => prefix.startsWith(other))).toEqual([prefix]);
      }),
    );
  });
});

describe("asked for", () => {
  test("in full: HEAD and the managed prefixes; what is not managed is left out", () => {
    const { prefixes, keep } = readManaged(DEFAULT_REF_PATTERNS);
    expect(prefixes).toEqual(["HEAD", "refs/heads/", "refs/tags/"]);
    expect([keep("refs/heads/a"), keep("refs/meta/config")]).toEqual([true, false]);
  });

  test("at the source: the names alone, though a prefix brings more", () => {
    const { prefixes, keep } = readNamedAtSource([named("a"), named("b", true)]);
    expect(prefixes).toEqual([refName("a"), refName("b")]);
    expect(["a", "b", "ab", "a/b", "c"].map((name) => keep(refName(name)))).toEqual([true, true, false, false, false]);
  });

  test("at the mirror: HEAD, the names, and what lies below them", () => {
    const { prefixes, keep } = readNamedAtMirror([named("a"), named("a")]);
    expect(prefixes).toEqual(["HEAD", refName("a")]);
    expect(["a", "a/b", "a/b/c", "ab", "b/a"].map((name) => keep(refName(name)))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test("after an update: its refs, or everything managed when they are many; only the refs enter the list", () => {
    const updates = Array.from({ length: NAMED_READ_MAX }, (_, index) => create(`b${index}`, "1"));
    const few = readUpdated(updates, DEFAULT_REF_PATTERNS);
    expect([few.prefixes.length, few.prefixes[0]]).toEqual([NAMED_READ_MAX, refName("b0")]);
    const many = readUpdated([...updates, create("one-more", "1")], DEFAULT_REF_PATTERNS);
    expect(many.prefixes).toEqual(["refs/heads/", "refs/tags/"]);
    for (const { keep } of [few, many]) expect([keep(refName("b7")), keep(refName("b"))]).toEqual([true, false]);
  });

  test("for bases: branches", () => {
    expect(READ_HEADS.prefixes).toEqual(["refs/heads/"]);
    expect([READ_HEADS.keep("refs/heads/a"), READ_HEADS.keep("refs/tags/a")]).toEqual([true, false]);
  });

  test("so that every kept name lies below a prefix", () => {
    fc.assert(
      fc.property(fc.array(closeRefNames, { minLength: 1, maxLength: 4 }), closeRefNames, (names, name) => {
        const refs = names.map((ref) => ({ ref, deleted: false }));
        for (const { prefixes, keep } of [
          readNamedAtSource(refs),
          readNamedAtMirror(refs),
          readManaged(DEFAULT_REF_PATTERNS),
        ]) {
          expect(!keep(name) || prefixes.some((prefix) => name.startsWith(prefix))).toBe(true);
        }
      }),
    );
  });
});
