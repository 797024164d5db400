// Strict JSON: agrees with JSON.parse on what is JSON, and says where it is not.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJsonText } from "../src/config-json.ts";
import { MirrorError } from "../src/errors.ts";

test("reads every JSON value as JSON.parse does, however it is spaced", () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(0, 1, "\t", "\r\n "), (text, space) => {
      const spaced = JSON.stringify(JSON.parse(text), null, space);
      expect(parseJsonText(spaced)).toEqual(JSON.parse(spaced));
    }),
  );
});

test("refuses a damaged text exactly when JSON.parse does", () => {
  const damage = fc.constantFrom("", ",", '"', "}", "]", "0", "-", "x", "\\", "\n", "\u0001", ".", "e");
  fc.assert(
    fc.property(fc.json({ maxDepth: 3 }), fc.nat(), fc.nat(3), damage, (text, at, cut, inserted) => {
      const position = at % (text.length + 1);
      const damaged = text.slice(0, position) + inserted + text.slice(position + cut);
      const outcome = attempt(() => parseJsonText(damaged));
      if (outcome instanceof MirrorError && outcome.message.includes("each key of an object once")) return;
      expect(outcome instanceof Error).toBe(attempt(() => JSON.parse(damaged)) instanceof Error);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["", 1, 1, "a value"],
  ['{\n  "a": tru\n}', 2, 8, "JSON"],
  ['{\n  "a": 1,\n}', 3, 1, "a key in double quotes"],
  ['{"a": 1 "b": 2}', 1, 9, '"," or "}"'],
  ["[1, 2", 1, 6, '"," or "]"'],
  ['{"a": 1}\n// done', 2, 1, "JSON"],
  ["{} {}", 1, 4, "the end of the file"],
  ['{"a": 1,\n "b": 2, "\\u0061": 3}', 2, 10, "a key that is not there already"],
  ["{'a': 1}", 1, 2, "JSON"],
])("says where %j ceases to be JSON: line %d column %d", (text, line, column, expected) => {
  expect(() => parseJsonText(text)).toThrow(`line ${line} column ${column}: expected ${expected}`);
});

test("refuses what is nested deeper than any configuration, before the stack ends", () => {
  expect(() => parseJsonText("[".repeat(1_000_000))).toThrow("line 1 column 102: expected at most 100 levels");
});

function attempt(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
