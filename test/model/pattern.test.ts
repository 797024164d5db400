// Patterns: exact names, prefixes and regular expressions, and the prefix below which every match lies.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePattern } from "../../src/model/pattern.ts";
import { codeOf } from "../wire/decode.ts";

describe("a pattern matches", () => {
  test.each<[string, string, boolean]>([
    ["a/b", "a/b", true],
    ["a/b", "a/bc", false],
    ["a/b", "a", false],
    ["a/*", "a/b", true],
    ["a/*", "a/b/c", true],
    ["a/*", "a/", true],
    ["a/*", "ab", false],
    ["*", "", true],
    ["a*b", "a*b", true],
    ["a*b", "axb", false],
    ["a.c", "abc", false],
    ["^a.c", "abc", true],
    ["^a.c", "abcd", true],
    ["^a.c$", "abcd", false],
    ["^a.c", "xabc", false],
    ["^tools/(build|lint)$", "tools/lint", true],
    ["^tools/(build|lint)$", "tools/lint2", false],
    ["^.*/sandbox$", "a/b/sandbox", true],
    ["^experimental/", "experimental/x", true],
    ["^[A-Z]", "a", false],
    ["^a*", "b", true],
  ])("%j and %j: %s", (text, name, matches) => {
    expect(parsePattern(text).matches(name)).toBe(matches);
  });
});

describe("a pattern's prefix", () => {
  test.each([
    ["a/b", "a/b"],
    ["a/*", "a/"],
    ["*", ""],
    ["^refs/heads/main$", "refs/heads/main"],
    ["^refs/heads/v[0-9]+", "refs/heads/v"],
    ["^refs/heads/ab?", "refs/heads/a"],
    ["^refs/heads/ab*", "refs/heads/a"],
    ["^refs/heads/ab{0,2}", "refs/heads/a"],
    ["^refs/heads/ab+", "refs/heads/ab"],
    ["^refs/heads/a|^refs/tags/b", ""],
    ["^refs/(?:heads|tags)/a", ""],
    ["^refs\\/heads", "refs"],
    ["^.*", ""],
    ["^", ""],
    ["^(?!refs/heads/x)refs/", ""],
  ])("of %j is %j", (text, prefix) => {
    expect(parsePattern(text)).toMatchObject({ text, prefix });
  });

  test("begins every name that matches", () => {
    const atoms = fc.constantFrom(
      "a",
      "b",
      "/",
      "-",
      "_",
      ".",
      "[ab]",
      "(?:a|b)",
      "(a)",
      "\\w",
      "(?=a)",
      "\\/",
      "|",
      "$",
    );
    const quantifiers = fc.constantFrom("", "", "", "?", "*", "+", "{0}", "{0,1}", "{2}", "*?", "??");
    const regexes = fc
      .array(fc.tuple(atoms, quantifiers), { maxLength: 6 })
      .map(
        (parts) =>
          `^${parts.map(([atom, quantifier]) => (/^(?:\||\$|\(\?=)/.test(atom) ? atom : atom + quantifier)).join("")}`,
      );
    const words = fc.string({ unit: fc.constantFrom("a", "b", "/", "-", "_"), maxLength: 6 });
    const texts = fc.oneof(
      { weight: 4, arbitrary: regexes },
      { weight: 1, arbitrary: words.filter((word) => word !== "") },
      { weight: 1, arbitrary: words.map((word) => `${word}*`) },
    );
    fc.assert(
      fc.property(texts, fc.array(words, { minLength: 1, maxLength: 20 }), (text, names) => {
        const { prefix, matches } = parsePattern(text);
        for (const name of names) expect(!matches(name) || name.startsWith(prefix)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

test.each(["", "^(", "^[z-a]", "^a{2,1}", "^\\"])("%j is refused as configuration", (text) => {
  expect(codeOf(() => parsePattern(text))).toBe("invalid-configuration");
});
