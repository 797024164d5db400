// The digest of what still differs: the same for the same refs and values, another for any other, whatever the order.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { RefName } from "../../src/model/ref.ts";
import type { Plan } from "../../src/model/report.ts";
import { differenceOf } from "../../src/plan/difference.ts";
import { create, oid, refName, remove, update } from "./ref-lists.ts";

const UPDATES: Plan["updates"] = [
  { ...remove("d", "4"), reason: "gone" },
  { ...update("a", "1", "2"), reason: "differs" },
  { ...create("\xff", "3"), reason: "missing" },
];
const SKIPPED: Plan["skipped"] = [
  { ref: refName("g"), reason: "guarded", old: oid("5") },
  { ref: refName("b/c"), reason: "blocked", new: oid("6") },
];
const LEFT_ALONE: Plan["skipped"] = [
  { ref: refName("e"), reason: "equal" },
  { ref: refName("s"), reason: "symbolic" },
  { ref: refName("x..y"), reason: "illegal", old: oid("7") },
];

function planOf(updates: Plan["updates"], skipped: Plan["skipped"] = []): Plan {
  return { scope: "full", updates, wants: [], haves: [], skipped, engine: "relay" };
}

test("is SHA-256 over the sorted lines `old SP new SP ref LF` of what is to be moved or held, names as bytes", () => {
  const lines = [
    `- ${oid("3")} refs/heads/\xff\n`,
    `- ${oid("6")} refs/heads/b/c\n`,
    `${oid("1")} ${oid("2")} refs/heads/a\n`,
    `${oid("4")} - refs/heads/d\n`,
    `${oid("5")} - refs/heads/g\n`,
  ];
  const expected = createHash("sha256")
    .update(Buffer.from(lines.join(""), "latin1"))
    .digest("hex");
  expect(differenceOf(planOf(UPDATES, SKIPPED))).toBe(expected);
  expect(differenceOf(planOf([...UPDATES].reverse(), [...SKIPPED].reverse()))).toBe(expected);
  expect(differenceOf(planOf(UPDATES, [...LEFT_ALONE, ...SKIPPED]))).toBe(expected);
});

test("leaves out what is done", () => {
  const done = new Set<string>([refName("a"), refName("g")]);
  const left = planOf([...UPDATES.slice(0, 1), ...UPDATES.slice(2)], SKIPPED.slice(1));
  expect(differenceOf(planOf(UPDATES, SKIPPED), (ref) => done.has(ref))).toBe(differenceOf(left));
  expect(differenceOf(planOf(UPDATES), () => true)).toBe(differenceOf(planOf([])));
});

test("is another when a ref, a value or a kind is another, and does not depend on the reason", () => {
  const digests = [
    planOf([]),
    planOf(UPDATES),
    planOf(UPDATES.slice(1)),
    planOf(UPDATES, SKIPPED),
    planOf([{ ...update("a", "1", "3"), reason: "differs" }]),
    planOf([{ ...update("a", "2", "3"), reason: "differs" }]),
    planOf([{ ...update("b", "1", "3"), reason: "differs" }]),
    planOf([{ ...create("a", "3"), reason: "missing" }]),
    planOf([{ ...remove("a", "3"), reason: "gone" }]),
  ].map((plan) => differenceOf(plan));
  expect(new Set(digests).size).toBe(digests.length);
  const held: Plan["skipped"] = [{ ref: "refs/heads/a" as RefName, reason: "guarded", old: oid("3") }];
  expect(differenceOf(planOf([], held))).toBe(digests.at(-1));
});
