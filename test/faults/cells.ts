// The cells of the fault table: what one request of one side can meet, and the code that a run must end with.
import type { ErrorCode } from "../../src/errors.ts";
import type { Fault } from "../support/faults.ts";
import { CREDENTIAL } from "./two-sides.ts";

export type Cell = {
  name: string;
  fault: Fault;
  /** `equal`: the run reads back that the push was carried out all the same. */
  ends: ErrorCode | "equal";
  /** The client must lose its patience. */
  hangs?: true;
  retryAfterSeconds?: number;
};

const STATUSES: readonly [number, ErrorCode][] = [
  [401, "credential-refused"],
  [403, "forbidden"],
  [404, "not-found"],
  [408, "timed-out"],
  [413, "too-large"],
  [429, "throttled"],
  [500, "server-error"],
  [502, "server-error"],
  [503, "server-error"],
];

/** Answers in place of git's: every request can meet them, and git is not run. */
export const REFUSALS: readonly Cell[] = [
  ...STATUSES.map(
    ([status, ends]): Cell => ({ name: `HTTP ${status}`, fault: { kind: "status", status, body: "said so" }, ends }),
  ),
  ...[429, 503].flatMap((status): Cell[] => [
    {
      name: `HTTP ${status} with Retry-After in seconds`,
      fault: { kind: "status", status, headers: { "retry-after": "77" } },
      ends: "throttled",
      retryAfterSeconds: 77,
    },
    {
      name: `HTTP ${status} with Retry-After as a date`,
      fault: { kind: "status", status, headers: { "retry-after": new Date(Date.now() + 3_600_000).toUTCString() } },
      ends: "throttled",
      retryAfterSeconds: 3_600,
    },
  ]),
  {
    name: "HTTP 500 whose page shows the request's credential",
    fault: { kind: "status", status: 500, body: `You sent ${CREDENTIAL}` },
    ends: "server-error",
  },
  { name: "a sign-in page with HTTP 200", fault: { kind: "html" }, ends: "not-git" },
  { name: "an ERR packet", fault: { kind: "err-packet", message: "out of order" }, ends: "request-refused" },
  { name: "a reset before the answer", fault: { kind: "reset" }, ends: "unreachable" },
  { name: "silence before the answer", fault: { kind: "hang" }, ends: "timed-out", hangs: true },
  { name: "an empty answer", fault: { kind: "replace", body: "" }, ends: "malformed-answer" },
  { name: "no pkt-lines", fault: { kind: "replace", body: "all is well\n" }, ends: "malformed-answer" },
];

/** Git's own answer broken off inside, at the byte; a clean end without the final flush-pkt too. */
export const brokenAnswers = (afterBytes: number): Cell[] => [
  { name: "a reset in the middle", fault: { kind: "reset", afterBytes }, ends: "unreachable" },
  { name: "silence in the middle", fault: { kind: "hang", afterBytes }, ends: "timed-out", hangs: true },
  { name: "a clean end in the middle", fault: { kind: "end", afterBytes }, ends: "malformed-answer" },
  { name: "a clean end before the flush-pkt", fault: { kind: "drop-tail", bytes: 4 }, ends: "malformed-answer" },
];

/** What only the answer to a fetch can show. */
export const BROKEN_PACKS: readonly Cell[] = [
  { name: "side-band 3 at once", fault: { kind: "sideband-error", message: "no disk" }, ends: "request-refused" },
  {
    name: "side-band 3 in the pack",
    fault: { kind: "sideband-error", message: "no disk", afterBytes: 100 },
    ends: "request-refused",
  },
  { name: "a bit flipped in the pack's header", fault: { kind: "flip-pack-bit", atByte: 2 }, ends: "corrupt-pack" },
  { name: "a bit flipped in the pack", fault: { kind: "flip-pack-bit", atByte: 100 }, ends: "corrupt-pack" },
  { name: "a pack cut between packets", fault: { kind: "cut-pack", afterBytes: 100 }, ends: "corrupt-pack" },
  { name: "a pack cut in its header", fault: { kind: "cut-pack", afterBytes: 5 }, ends: "corrupt-pack" },
  {
    name: "a flush-pkt in place of the pack",
    fault: { kind: "replace", body: "000dpackfile\n0000" },
    ends: "corrupt-pack",
  },
];

/** Where git has carried out the push and its report is lost, broken or untrue; the reading back finds it. */
export const LOST_REPORTS: readonly Cell[] = [
  ...brokenAnswers(20).map((cell): Cell => ({ ...cell, ends: "equal" })),
  {
    name: "side-band 3 in place of the report",
    fault: { kind: "sideband-error", message: "no disk" },
    ends: "equal",
  },
  {
    name: "side-band 3 in the report",
    fault: { kind: "sideband-error", message: "no disk", afterBytes: 12 },
    ends: "equal",
  },
  { name: "a bit flipped in the report", fault: { kind: "flip-bit", atByte: 16 }, ends: "equal" },
  { name: "no line for one ref", fault: { kind: "drop-ok" }, ends: "equal" },
];

/** Where git was not run, whatever the answer claims. */
export const UNTRUE_REPORTS: readonly Cell[] = [
  { name: "ok for everything", fault: { kind: "claim-ok" }, ends: "unproven" },
  {
    name: "unpack error",
    fault: { kind: "unpack-error", message: "index-pack abnormal exit" },
    ends: "unpack-failed",
  },
  {
    name: "a report without a line for any ref",
    fault: { kind: "replace", body: "0013\u0001000eunpack ok\n0009\u000100000000" },
    ends: "malformed-answer",
  },
  {
    name: "side-band 3 alone",
    fault: { kind: "replace", body: "000c\u0003no disk0000" },
    ends: "request-refused",
  },
  { name: "a reset in the request", fault: { kind: "reset-request", afterBytes: 300 }, ends: "unreachable" },
];
