// A pack too large to be held whole streams through: when it breaks, the mirror's request breaks too and nothing moves.
import { basename, join } from "node:path";
import type { Transform } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import type { ErrorCode } from "../../src/errors.ts";
import type { HttpClient } from "../../src/ports.ts";
import { SPOOL_BYTES_MAX } from "../../src/transfer/spool.ts";
import { dropTail } from "../support/answer-transforms.ts";
import type { Fault } from "../support/faults.ts";
import { git } from "../support/git.ts";
import type { RequestRecord } from "../support/git-server.ts";
import { makeBig } from "../support/large-repositories.ts";
import { createBare, hasObject } from "../support/repositories.ts";
import { makeTemporaryFolder, type TemporaryFolder } from "../support/temporary-folder.ts";
import { expectFailure } from "./table.ts";
import {
  expectEqual,
  expectedRefs,
  expectUnmoved,
  impatientClient,
  type MirrorCase,
  runMirror,
  startTwoSides,
  type TwoSides,
} from "./two-sides.ts";

const BYTES = 36_000_000;
const MIDDLE = 34_500_000;
const PATIENCE_MS = 2_000;

let sides: TwoSides;
let folder: TemporaryFolder;
let sourceRepo: string;
let packBytes: number;
beforeAll(async () => {
  sides = await startTwoSides();
  folder = await makeTemporaryFolder();
  sourceRepo = await createBare(join(folder.path, "big.git"));
  const tip = await makeBig(sourceRepo, BYTES);
  const input = Buffer.from(`${tip}\n`);
  packBytes = (await git(["-C", sourceRepo, "pack-objects", "--quiet", "--revs", "--stdout"], { input })).length;
});
afterEach(() => sides.heal());
afterAll(async () => {
  await sides.close();
  await folder.remove();
});

type LargeCell = { name: string; fault: Fault | (() => Fault); ends: ErrorCode; hangs?: true };

describe("the source's pack breaks after the push began", () => {
  const cells: LargeCell[] = [
    { name: "a reset", fault: { kind: "reset", afterBytes: MIDDLE }, ends: "unreachable" },
    { name: "silence", fault: { kind: "hang", afterBytes: MIDDLE }, ends: "timed-out", hangs: true },
    { name: "a clean end", fault: { kind: "end", afterBytes: MIDDLE }, ends: "malformed-answer" },
    { name: "a cut between packets", fault: { kind: "cut-pack", afterBytes: MIDDLE }, ends: "corrupt-pack" },
    { name: "a flipped bit late", fault: { kind: "flip-pack-bit", atByte: MIDDLE }, ends: "corrupt-pack" },
    {
      name: "a flipped bit in its checksum",
      fault: () => ({ kind: "flip-pack-bit", atByte: packBytes - 3 }),
      ends: "corrupt-pack",
    },
    {
      name: "side-band 3",
      fault: { kind: "sideband-error", message: "no disk", afterBytes: MIDDLE },
      ends: "request-refused",
    },
    // The pack is whole and sound here: still nothing may move, since the source did not say that it had ended well.
    { name: "no flush-pkt behind its whole pack", fault: { kind: "drop-tail", bytes: 4 }, ends: "malformed-answer" },
    {
      name: "side-band 3 behind its whole pack",
      fault: () => ({ kind: "sideband-error", message: "no disk", afterBytes: packBytes }),
      ends: "request-refused",
    },
  ];

  test.each(cells)("$name: $ends, and the push request never ends as if it were whole", async (cell) => {
    const run = await begin();
    const fault = typeof cell.fault === "function" ? cell.fault() : cell.fault;
    sides.source.rules.push({ on: "fetch", fault, times: Number.POSITIVE_INFINITY });
    const seen = sides.mirror.server.requests.length;
    await withClient(cell.hangs, async (http) => {
      const { report } = await runMirror(run, { http });
      expectFailure(report, { ...cell, fault }, "source", run);
      const push = pushAfter(seen);
      expect(push?.requestBytes).toBeGreaterThan(SPOOL_BYTES_MAX / 8);
      expect(push?.requestBytes).toBeLessThan(packBytes);
      await expectNoObject(run);
      sides.heal();
      await expectHealed(run, http);
    });
  });
});

test("a whole pack whose answer falls silent before its end does not reach the mirror whole", async () => {
  const run = await begin();
  const withholding = (): Transform => Object.assign(dropTail(4), { _flush: () => {} });
  sides.source.before = ({ service }) => (service === "fetch" ? { through: withholding } : undefined);
  await withClient(true, async (http) => {
    const { report } = await runMirror(run, { http });
    expectFailure(report, { name: "", fault: { kind: "hang" }, ends: "timed-out" }, "source", run);
    await expectNoObject(run);
  });
});

test("a bit flipped early in a streaming pack is seen by whoever is first", async () => {
  const run = await begin();
  const fault = { kind: "flip-pack-bit", atByte: 1_000_000 } as const;
  sides.source.rules.push({ on: "fetch", fault, times: Number.POSITIVE_INFINITY });
  await withClient(undefined, async (http) => {
    const { report } = await runMirror(run, { http });
    expect(["corrupt-pack", "unpack-failed"]).toContain(report.error?.code);
    await expectNoObject(run);
    sides.heal();
    await expectHealed(run, http);
  });
});

describe("the mirror breaks a streaming push", () => {
  const close = { connection: "close" };
  const cells: LargeCell[] = [
    { name: "a reset in the request", fault: { kind: "reset-request", afterBytes: 10_000_000 }, ends: "unreachable" },
    { name: "silence", fault: { kind: "hang" }, ends: "timed-out", hangs: true },
    { name: "an early HTTP 413", fault: { kind: "status", status: 413, body: "too big" }, ends: "too-large" },
    {
      name: "an early HTTP 413 that hangs up",
      fault: { kind: "status", status: 413, headers: close },
      ends: "too-large",
    },
    { name: "an early HTTP 401", fault: { kind: "status", status: 401 }, ends: "credential-refused" },
    { name: "an early HTTP 500", fault: { kind: "status", status: 500 }, ends: "server-error" },
    { name: "HTTP 408", fault: { kind: "status", status: 408, headers: close }, ends: "timed-out" },
  ];

  test.each(cells)("$name: $ends, and nothing moves", async (cell) => {
    const run = await begin();
    const fault = typeof cell.fault === "function" ? cell.fault() : cell.fault;
    sides.mirror.rules.push({ on: "receive-pack", fault, times: Number.POSITIVE_INFINITY });
    await withClient(cell.hangs, async (http) => {
      const { report } = await runMirror(run, { http });
      expectFailure(report, { ...cell, fault }, "mirror", run);
      await expectNoObject(run);
      sides.heal();
      await expectHealed(run, http);
    });
  });

  test("a mirror that stops reading is the one that is blamed, though the source falls silent with it", async () => {
    const run = await begin();
    sides.mirror.before = ({ service }) =>
      service === "receive-pack" ? { answer: ({ request }) => void request.pause() } : undefined;
    await withClient(true, async (http) => {
      const { report } = await runMirror(run, { http });
      expectFailure(report, { name: "", fault: { kind: "hang" }, ends: "timed-out" }, "mirror", run);
      await expectNoObject(run);
    });
  });

  test("a push that is refused before it begins drops the source's pack at once", async () => {
    const run = await begin();
    sides.mirror.rules.push({ on: "receive-pack-advertisement", fault: { kind: "status", status: 403 } });
    const seen = sides.source.server.requests.length;
    await withClient(undefined, async (http) => {
      expect((await runMirror(run, { http })).report.error?.code).toBe("forbidden");
      // Resolves only when upload-pack has ended: a pack that nobody reads would hold it for minutes.
      await sides.source.server.idle();
      const fetched = sides.source.server.requests.slice(seen).find(({ service }) => service === "fetch");
      expect(fetched?.responseBytes).toBeLessThan(packBytes);
    });
  });
});

async function begin(): Promise<MirrorCase> {
  const run = await sides.begin({ empty: true });
  const name = `big-${basename(run.sourceRepo)}`;
  const shared = join(run.sourceRepo, "..", name);
  await git(["clone", "--quiet", "--bare", "--shared", sourceRepo, shared]);
  const sourceUrl = sides.source.server.urlOf(name);
  return { ...run, sourceRepo: shared, sourceUrl, next: await expectedRefs(shared, run.mirrorRepo) };
}

async function withClient(hangs: true | undefined, use: (http: HttpClient) => Promise<void>): Promise<void> {
  const http = hangs === true ? impatientClient(PATIENCE_MS) : createHttpClient();
  try {
    await use(http);
  } finally {
    http.close();
  }
}

function pushAfter(seen: number): RequestRecord | undefined {
  return sides.mirror.server.requests.slice(seen).find(({ service }) => service === "receive-pack");
}

async function expectNoObject(run: MirrorCase): Promise<void> {
  await expectUnmoved(sides, run);
  expect(await hasObject(run.mirrorRepo, run.next.get("refs/heads/main") ?? "")).toBe(false);
}

async function expectHealed(run: MirrorCase, http: HttpClient): Promise<void> {
  const { report } = await runMirror(run, { http });
  expect(report.outcome, report.error?.message).toBe("equal");
  await expectEqual(sides, run);
}
