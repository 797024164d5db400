// Object ids: forty lower-case hex digits, never all zero.
import fc from "fast-check";
import { expect, test } from "vitest";
import { isOid, parseOid } from "../../src/model/oid.ts";
import { codeOf } from "../wire/decode.ts";
import { oids } from "./arbitraries.ts";

test("every id of forty lower-case hex digits but the zero id is one", () => {
  fc.assert(
    fc.property(oids, (oid) => {
      expect(isOid(oid)).toBe(true);
      expect(parseOid(oid)).toBe(oid);
    }),
  );
  expect(isOid(`${"0".repeat(39)}1`)).toBe(true);
});

test.each([
  "",
  "0".repeat(40),
  "a".repeat(39),
  "a".repeat(41),
  "a".repeat(64),
  "A".repeat(40),
  `${"a".repeat(39)}g`,
  `${"a".repeat(40)}\n`,
  ` ${"a".repeat(40)}`,
  "main",
])("%j is none", (text) => {
  expect(isOid(text)).toBe(false);
  expect(codeOf(() => parseOid(text))).toBe("malformed-answer");
});
