// The state of one mirroring run and how it is concluded: what became of each ref, and the report.
import { MirrorError, summarizeError } from "./errors.ts";
import type { Digest, Instant, NamedRef } from "./model/job.ts";
import type { Pattern } from "./model/pattern.ts";
import { displayRef, type RefName } from "./model/ref.ts";
import type { Plan, PlannedUpdate, RefReport, RefUpdate, Report } from "./model/report.ts";
import { differenceOf } from "./plan/difference.ts";
import type { GuardLimits } from "./plan/guard.ts";
import type { Verdict } from "./plan/verdict.ts";
import type { Clock } from "./ports.ts";
import type { Mirror } from "./remote/mirror.ts";
import type { Source } from "./remote/source.ts";
import type { PackBytes } from "./transfer/relay.ts";

export type MirrorRequest = {
  source: Source;
  mirror: Mirror;
  managed: readonly Pattern[];
  /** What an event named; `scope` says whether only these are read. */
  named: readonly NamedRef[];
  scope: "full" | "narrow";
  /** Deletions that other events announced; asked for only where a full plan has deletions that are not announced yet. */
  readAnnounced?: () => Promise<readonly RefName[]>;
  limits: GuardLimits;
  /** Commands in one push, where the host has a limit of its own. */
  commandsMax?: number;
  allowDeletes?: Digest;
  /** Hold a mirror that is not empty and shares no value with the source (design rule 17). */
  refuseForeign: boolean;
  /** Told before the first push that the mirror was not foreign. */
  admitted?: () => Promise<void>;
  clock: Clock;
  /** Counted up while the work goes on, for whoever shows progress. */
  bytes: PackBytes;
};

export type MirrorResult = {
  report: Report;
  /** Set when a full read of both sides ended equal: the clock before its first byte. */
  equalSince?: Instant;
  /** Named refs for which the source still showed the value before the event. */
  behind: NamedRef[];
  /** Digest of what still differs. */
  difference: string;
};

export type Run = MirrorRequest & {
  scope: "full" | "narrow";
  startedAt: Instant;
  readAt: Instant;
  behind: NamedRef[];
  plan: Plan | undefined;
  /** What became of each ref, the last word on it. */
  refs: Map<string, RefReport>;
  /** Refs that are not tried again in this run. */
  given: Set<string>;
  equalRefs: number;
};

export function beginRun(request: MirrorRequest): Run {
  const now = request.clock();
  return {
    ...request,
    startedAt: now,
    readAt: now,
    behind: [],
    plan: undefined,
    refs: new Map(),
    given: new Set(),
    equalRefs: 0,
  };
}

/** Records what became of an update; the last word on a ref counts. */
export function note(run: Run, update: PlannedUpdate, verdict: Verdict): void {
  const outcome = verdict.kind === "applied" ? "applied" : verdict.kind === "moved" ? "moved" : "rejected";
  const reason = verdict.kind === "applied" ? update.reason : verdict.reason;
  run.refs.set(update.ref, { ...fieldsOf(update), outcome, reason });
  if (verdict.kind === "rejected" && run.scope === "full") run.given.add(update.ref);
}

/** Records what the plan left alone, and drops what an earlier round said of refs that are equal by now. */
export function noteSkipped(run: Run, plan: Plan): void {
  for (const [ref, { outcome }] of run.refs) if (outcome !== "applied" && !run.given.has(ref)) run.refs.delete(ref);
  for (const { ref, reason, old, new: next } of plan.skipped) {
    if (reason === "equal") continue;
    const outcome = reason === "guarded" || reason === "blocked" ? "held" : "skipped";
    const kind = reason === "symbolic" ? "update" : next === undefined ? "delete" : "create";
    run.refs.set(ref, {
      ref,
      kind,
      ...(old === undefined ? {} : { old }),
      ...(next === undefined ? {} : { new: next }),
      outcome,
      reason,
    });
  }
}

function fieldsOf(update: RefUpdate): Pick<RefReport, "ref" | "kind" | "old" | "new"> {
  const { ref, kind } = update;
  const old = kind === "create" ? {} : { old: update.old };
  return { ref, kind, ...old, ...(kind === "delete" ? {} : { new: update.new }) };
}

/** The error of a run that came to its end: refs held or rejected. */
export function settledError(run: Run): MirrorError | undefined {
  const rejected = [...run.refs.values()].filter(({ outcome }) => outcome === "rejected");
  const deletions = run.plan?.deletions;
  if (deletions?.held === true) {
    const also = rejected.length === 0 ? "" : ` Besides, ${count(rejected.length, "ref")} rejected.`;
    const message = `${count(deletions.count, "ref")} gone from the source without an event that said so; the deletion is held.${also}`;
    return new MirrorError("guarded", message, {
      remedy: `Check at the source that the refs are really gone (a lost READ permission looks the same), then approve with --allow-deletes ${deletions.digest}`,
    });
  }
  const [first] = rejected;
  if (first === undefined) return undefined;
  const said = `${displayRef(first.ref)}: ${first.reason}`;
  const message =
    rejected.length === 1 ? `The mirror refused ${said}` : `The mirror refused ${rejected.length} refs, first ${said}`;
  return new MirrorError(codeOfRejected(run, rejected), message, { side: "mirror" });
}

/** A refusal that may heal decides only where there is no final one. */
function codeOfRejected(
  run: Run,
  rejected: readonly RefReport[],
): "rejected" | "unpack-failed" | "unproven" | "malformed-answer" {
  const final = rejected.filter(({ ref }) => run.given.has(ref));
  if (final.some(({ reason }) => !reason.startsWith("unpack "))) return "rejected";
  if (final.length > 0) return "unpack-failed";
  if (rejected.some(({ reason }) => reason.startsWith("the mirror said ok"))) return "unproven";
  return rejected.some(({ reason }) => reason.startsWith("the mirror's report")) ? "malformed-answer" : "rejected";
}

export function conclude(run: Run, error: MirrorError | undefined): MirrorResult {
  const refs = [...run.refs.values()];
  const isApplied = (ref: string): boolean => run.refs.get(ref)?.outcome === "applied";
  const done = refs.filter(({ ref }) => isApplied(ref)).length;
  const outcome = error === undefined ? "equal" : isPartial(error) && done + run.equalRefs > 0 ? "partial" : "failed";
  const retry = error?.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds };
  const report: Report = {
    outcome,
    scope: run.scope,
    engine: run.plan?.engine ?? "relay",
    refs,
    ...(run.plan?.deletions === undefined ? {} : { deletions: run.plan.deletions }),
    bytes: run.bytes,
    requests: { source: run.source.requests(), mirror: run.mirror.requests() },
    milliseconds: run.clock() - run.startedAt,
    ...(error === undefined ? {} : { error: { ...summarizeError(error), ...retry } }),
  };
  const equalSince = outcome === "equal" && run.scope === "full" ? { equalSince: run.readAt } : {};
  // Without a plan only the cause tells one failure from another; the sweep says it the same way. A foreign mirror is
  // the same trouble whatever the source's values are by now: an active project must not make a letter a push.
  const plan = error?.code === "foreign" ? undefined : run.plan;
  const difference = plan === undefined ? (error?.code ?? "") : differenceOf(plan, isApplied);
  return { report, behind: run.behind, difference, ...equalSince };
}

/** The plan was carried out but for single refs; any other error says that the work was broken off. */
function isPartial(error: MirrorError): boolean {
  return ["guarded", "rejected", "unpack-failed", "unproven"].includes(error.code);
}

function count(number: number, noun: string): string {
  return number === 1 ? `1 ${noun} is` : `${number} ${noun}s are`;
}
