// Ref names: the same verdict as `git check-ref-format` gives, and bytes that survive the way to text and back.
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { displayRef, isRefName, parseRefName, REF_BYTES_MAX, refBytes } from "../../src/model/ref.ts";
import { codeOf } from "../wire/decode.ts";
import { refNames } from "./arbitraries.ts";

/** Pieces around which the rules turn; put together in twos they make the table. */
const PIECES = [
  ...["a", "ab", "A-1", "_", "-", "--x", "@", "@{", "{", "}", ".", "..", "a.", ".a", "a.b", ".lock", "a.lock", "lock"],
  ...[
    "a.lock.x",
    "/",
    " ",
    "~",
    "^",
    ":",
    "?",
    "*",
    "[",
    "]",
    "\\",
    "\x01",
    "\x1f",
    "\x7f",
    "\x80",
    "\xff",
    "\t",
    "\n",
  ],
  ...["'", '"', "$", "#", "%", "&", "(", "HEAD", "+", ",", ";", "=", "!", "<", "|", "gr\xc3\xb6\xc3\x9fe"],
];

function table(): string[] {
  const edges = [
    "",
    "refs",
    "refs/",
    "refs//",
    "/refs/a",
    "ref/a",
    "Refs/a",
    "heads/a",
    "HEAD",
    "refs/a",
    "refs/heads/",
  ];
  const single = PIECES.flatMap((piece) => [`refs/heads/${piece}`, `refs/heads/${piece}/z`, `refs/${piece}`]);
  const pairs = PIECES.flatMap((one, index) => {
    const other = PIECES[(index * 7 + 3) % PIECES.length] ?? "";
    return [`refs/heads/${one}${other}`, `refs/heads/${other}/${one}`, `refs/tags/x${one}x`];
  });
  return [...new Set([...edges, ...single, ...pairs])];
}

test("a name is legal exactly when git check-ref-format says so, below refs/", () => {
  const names = table();
  expect(names.length).toBeGreaterThan(280);
  const input = Buffer.from(names.map((name) => `${name}\0`).join(""), "latin1");
  const script = 'while IFS= read -r -d "" name; do git check-ref-format "$name" && echo 1 || echo 0; done';
  const { stdout, status } = spawnSync("bash", ["-c", script], { input, env: { ...process.env, LC_ALL: "C" } });
  expect(status).toBe(0);
  const verdicts = stdout.toString("latin1").trim().split("\n");
  expect(verdicts).toHaveLength(names.length);
  const git = names.filter((name, index) => verdicts[index] === "1" && name.startsWith("refs/"));
  expect(names.filter(isRefName)).toEqual(git);
});

test("a NUL is never part of a name, and neither are more bytes than a command can carry", () => {
  expect(isRefName("refs/heads/a\0b")).toBe(false);
  expect(isRefName(`refs/${"a".repeat(REF_BYTES_MAX - 5)}`)).toBe(true);
  expect(isRefName(`refs/${"a".repeat(REF_BYTES_MAX - 4)}`)).toBe(false);
});

test("what is no name is refused with the name in the message", () => {
  expect(parseRefName("refs/heads/main")).toBe("refs/heads/main");
  expect(codeOf(() => parseRefName("refs/heads/a..b"))).toBe("malformed-answer");
  expect(() => parseRefName(refBytes("refs/heads/grün:"))).toThrow('"refs/heads/grün:" is no full ref name.');
});

describe("bytes and text", () => {
  test("text becomes its UTF-8 bytes, one character each", () => {
    expect(refBytes("refs/heads/größe")).toBe("refs/heads/gr\xc3\xb6\xc3\x9fe");
    expect(refBytes("main")).toBe("main");
  });

  test("any well-formed text comes back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        // A leading byte order mark is not for display.
        fc.pre(!text.startsWith("\ufeff"));
        expect(displayRef(refBytes(text))).toBe(text);
      }),
    );
  });

  test("bytes that are no UTF-8 are shown as latin1, and nothing is ever thrown", () => {
    expect(displayRef("refs/heads/\xff")).toBe("refs/heads/ÿ");
    fc.assert(
      fc.property(refNames, (name) => {
        expect([name, Buffer.from(name, "latin1").toString("utf8")]).toContain(displayRef(name));
      }),
    );
  });
});
