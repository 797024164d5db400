// Names of repositories and mirrors, and the queue group of a repository.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isMirrorName, isRepositoryName, messageGroup, parseRepositoryName } from "../../src/model/repository.ts";
import { codeOf } from "../wire/decode.ts";

describe("a repository's name", () => {
  test.each([
    "a",
    "All-Projects",
    "platform/build/tools",
    "with space",
    "größe/日本",
    ".hidden",
    "a..b",
    "...",
    "a.git",
    "a:b",
    "a%2Fb",
    "x".repeat(1_024),
  ])("can be %j", (name) => {
    expect(isRepositoryName(name)).toBe(true);
    expect(parseRepositoryName(name)).toBe(name);
  });

  test.each([
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/..",
    "a/../b",
    "a/./b",
    "a\\b",
    "a?b",
    "a\nb",
    "a\0b",
    "\x7f",
    "\ud800",
    "x".repeat(1_025),
  ])("cannot be %j", (name) => {
    expect(isRepositoryName(name)).toBe(false);
    expect(codeOf(() => parseRepositoryName(name))).toBe("usage");
  });
});

test.each([
  ["github", true],
  ["a", true],
  ["bitbucket-2", true],
  ["a".repeat(40), true],
  ["a".repeat(41), false],
  ["", false],
  ["GitHub", false],
  ["2nd", false],
  ["-a", false],
  ["a_b", false],
  ["a.b", false],
  ["a\n", false],
])("the mirror's name %j is legal: %s", (name, legal) => {
  expect(isMirrorName(name)).toBe(legal);
});

test("a message group is a hash that SQS takes, the same for the same name and another for another", () => {
  const names = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }).filter(isRepositoryName);
  fc.assert(
    fc.property(names, names, (one, other) => {
      expect(messageGroup(one)).toMatch(/^[0-9a-f]{64}$/);
      expect(messageGroup(one) === messageGroup(other)).toBe(one === other);
    }),
  );
});
