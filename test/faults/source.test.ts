// Whatever the source's answers meet: nothing moves at the mirror, the error says what it was, and the next run is equal.
import { afterAll, afterEach, beforeAll, describe } from "vitest";
import { BROKEN_PACKS, brokenAnswers, REFUSALS } from "./cells.ts";
import { testCells } from "./table.ts";
import { startTwoSides, type TwoSides } from "./two-sides.ts";

let sides: TwoSides;
beforeAll(async () => {
  sides = await startTwoSides();
});
afterEach(() => sides.heal());
afterAll(() => sides.close());

describe("reading the source", () => {
  testCells(() => sides, "source", "upload-pack-advertisement", [...REFUSALS, ...brokenAnswers(60)]);
  testCells(() => sides, "source", "ls-refs", [...REFUSALS, ...brokenAnswers(130)]);
});

describe("fetching from the source", () => {
  testCells(() => sides, "source", "fetch", [...REFUSALS, ...brokenAnswers(100), ...BROKEN_PACKS]);
});
