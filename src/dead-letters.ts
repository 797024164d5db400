// Dead letters: what one says, when a repository's letter counts as open, and whether the same failure makes another.
import { DEAD_LETTER_RETENTION_DAYS } from "./contract.ts";
import { type ErrorCode, type ErrorSummary, retryOf } from "./errors.ts";
import type { Instant, Job } from "./model/job.ts";
import { displayRef } from "./model/ref.ts";
import type { Report } from "./model/report.ts";
import type { DeadLetter, OpenLetter, RepositoryStatus } from "./ports.ts";

const DAY_MS = 86_400_000;

/** Until a day before the queue drops it: then a new letter is due. */
export function openLetter(status: RepositoryStatus | undefined, now: Instant): OpenLetter | undefined {
  const letter = status?.letter;
  return letter !== undefined && now < letter.at + (DEAD_LETTER_RETENTION_DAYS - 1) * DAY_MS ? letter : undefined;
}

/** Whether the open letter already says this: same cause, same difference (design rule 11). */
export function isSaid(letter: OpenLetter | undefined, code: ErrorCode, difference: string): boolean {
  return letter !== undefined && letter.code === code && letter.difference === difference;
}

/** Whether a sweep that found this difference makes a job: not while an open letter about it waits for a person. */
export function awaitsPerson(letter: OpenLetter | undefined, difference: string): boolean {
  return letter !== undefined && letter.difference === difference && retryOf(letter.code as ErrorCode) === "never";
}

const REFS_MAX = 1_000;

export function makeDeadLetter(input: {
  job: Job;
  error: ErrorSummary;
  report: Report | undefined;
  attempts: number;
  queuedAt: Instant;
  failedAt: Instant;
}): DeadLetter {
  const { job, error, report, attempts, queuedAt, failedAt } = input;
  const concerned = (report?.refs ?? []).filter(({ outcome }) => outcome !== "applied" && outcome !== "current");
  const refs = concerned.slice(0, REFS_MAX).map(({ ref, old, new: next, outcome, reason }) => ({
    ref: displayRef(ref),
    old: old ?? null,
    new: next ?? null,
    outcome,
    reason,
  }));
  const held =
    report?.deletions?.held === true
      ? { deletions: { count: report.deletions.count, digest: report.deletions.digest } }
      : {};
  return {
    version: 1,
    job,
    ...error,
    refs,
    refsOmitted: concerned.length - refs.length,
    ...held,
    attempts,
    queuedAt,
    failedAt,
  };
}
