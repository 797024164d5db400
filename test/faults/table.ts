// One cell of the fault table, run: what it must end with, what the mirror must show, and that the next run heals it.
import { expect, test } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import { remedyOf } from "../../src/errors.ts";
import type { Report } from "../../src/model/report.ts";
import { createRemoteMemory } from "../../src/remote/open.ts";
import type { Service } from "../support/git-server.ts";
import type { Cell } from "./cells.ts";
import {
  CREDENTIAL,
  expectEqual,
  expectUnmoved,
  impatientClient,
  type MirrorCase,
  PASSWORD,
  runMirror,
  type TwoSides,
} from "./two-sides.ts";

/** Long against what git needs for an answer on a loaded machine, short against a test's time. */
const PATIENCE_MS = 1_000;

/** A test for each cell: the side's requests for the service meet the fault each time, then never again. */
export function testCells(sides: () => TwoSides, side: "source" | "mirror", on: Service, cells: readonly Cell[]): void {
  test.each(cells)(`the ${side}'s ${on} meets $name: $ends`, async (cell) => {
    const world = sides();
    const run = await world.begin();
    world[side].rules.push({ on, fault: cell.fault, times: Number.POSITIVE_INFINITY });
    const http = cell.hangs === true ? impatientClient(PATIENCE_MS) : createHttpClient();
    const memory = createRemoteMemory();
    try {
      const { report } = await runMirror(run, { http, memory });
      if (cell.ends === "equal") {
        expect(report.outcome, JSON.stringify(report.error)).toBe("equal");
        await expectEqual(world, run);
      } else {
        expectFailure(report, { ...cell, ends: cell.ends }, side, run);
        await expectUnmoved(world, run);
      }
      world.heal();
      // The same warm process goes on.
      const second = await runMirror(run, { http, memory });
      expect(second.report.outcome, JSON.stringify(second.report.error)).toBe("equal");
      await expectEqual(world, run);
    } finally {
      http.close();
    }
  });
}

type Failing = Omit<Cell, "ends"> & { ends: Exclude<Cell["ends"], "equal"> };

/** The code, a sentence that names the side and its address, what to do; never a secret. */
export function expectFailure(report: Report, cell: Failing, side: "source" | "mirror", run: MirrorCase): void {
  const { error } = report;
  expect({ outcome: report.outcome === "equal" ? "equal" : "not equal", code: error?.code }, error?.message).toEqual({
    outcome: "not equal",
    code: cell.ends,
  });
  if (/^The mirror refused /.test(error?.message ?? "")) expect(JUDGED_BY_READING).toContain(cell.ends);
  else expect(error?.message).toContain(`${side} ${side === "source" ? run.sourceUrl : run.mirrorUrl}`);
  expect(error?.remedy).toBe(remedyOf(cell.ends));
  expectNoSecret(JSON.stringify(report));
  expect(report.refs.filter(({ outcome }) => outcome === "applied")).toEqual([]);
  const { retryAfterSeconds } = cell;
  if (retryAfterSeconds === undefined) {
    expect(error?.retryAfterSeconds).toBeUndefined();
    return;
  }
  expect(error?.retryAfterSeconds).toBeGreaterThan(retryAfterSeconds - 300);
  expect(error?.retryAfterSeconds).toBeLessThanOrEqual(retryAfterSeconds);
}

/** These judge single refs, and no one answer of the mirror is at fault. */
const JUDGED_BY_READING: readonly Cell["ends"][] = ["unproven", "unpack-failed", "malformed-answer"];

export function expectNoSecret(output: string): void {
  expect(output).not.toContain(PASSWORD);
  expect(output).not.toContain(CREDENTIAL.slice(6));
}
