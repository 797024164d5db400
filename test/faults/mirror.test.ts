// Whatever the mirror's answers meet: each ref is the old or the new one, the error says what it was, and the next run is equal.
import { afterAll, afterEach, beforeAll, describe } from "vitest";
import { brokenAnswers, LOST_REPORTS, REFUSALS, UNTRUE_REPORTS } from "./cells.ts";
import { testCells } from "./table.ts";
import { startTwoSides, type TwoSides } from "./two-sides.ts";

let sides: TwoSides;
beforeAll(async () => {
  sides = await startTwoSides();
});
afterEach(() => sides.heal());
afterAll(() => sides.close());

describe("reading the mirror", () => {
  testCells(() => sides, "mirror", "upload-pack-advertisement", [...REFUSALS, ...brokenAnswers(60)]);
  testCells(() => sides, "mirror", "ls-refs", [...REFUSALS, ...brokenAnswers(130)]);
  testCells(() => sides, "mirror", "receive-pack-advertisement", [...REFUSALS, ...brokenAnswers(100)]);
});

describe("pushing to the mirror", () => {
  testCells(() => sides, "mirror", "receive-pack", [...REFUSALS, ...UNTRUE_REPORTS, ...LOST_REPORTS]);
});
