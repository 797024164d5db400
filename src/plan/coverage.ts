// When a job is done without a request, when it reads in full, and when it looks again (design rules 3, 6 and 15).
import type { Instant, Job, NamedRef } from "../model/job.ts";
import type { RefList } from "../model/ref-list.ts";
import type { RefUpdate } from "../model/report.ts";
import type { RepositoryStatus } from "../ports.ts";

/** A job older than this has waited: other events may have come and gone, so it reads in full. */
export const WAITED_MS = 5_000;

/** Taken off the worker's clock for its difference from the queue's clock. */
export const CLOCK_SKEW_MS = 1_000;

/** Looks at a source that still shows an event's old value (it answers from a replica), and the seconds between. */
export const BEHIND_LOOKS_MAX = 3;
export const BEHIND_SECONDS = 5;

/** How long an announced deletion counts for other jobs: their events are posted within seconds, queued for minutes at most. */
export const ANNOUNCED_MS = 3_600_000;

/** Whether the last full read that ended equal began after the job was queued: nothing is left to do. */
export function isCovered(job: Job, queuedAt: Instant, status: RepositoryStatus | undefined): boolean {
  // A second look doubts the very list that another job may have found equal.
  if (job.again === true || (job.cause !== "event" && job.cause !== "sweep")) return false;
  return status?.state === "equal" && status.coveredUntil !== undefined && queuedAt < status.coveredUntil;
}

/** Whether the job reads everything: it names nothing, it waited, or what is known of the repository is not "equal". */
export function readsInFull(
  job: Job,
  delivery: { queuedAt: Instant; receiveCount: number; now: Instant },
  status: RepositoryStatus | undefined,
): boolean {
  if (job.refs === undefined || status?.state !== "equal") return true;
  if (delivery.receiveCount > 1 || delivery.now - delivery.queuedAt > WAITED_MS) return true;
  return status.jobEndedAt !== undefined && delivery.queuedAt < status.jobEndedAt;
}

/** Named refs that the source still shows as they were before the event: with the old value, or, newly made, not at all. */
export function refsBehind(named: readonly NamedRef[], source: RefList): NamedRef[] {
  return named.filter(({ ref, deleted, old }) => {
    if (source.symbolic.has(ref)) return false;
    const shown = source.refs.get(ref);
    return old === undefined ? !deleted && shown === undefined : shown === old;
  });
}

/** The second look: the planned refs of which the source, read again after the mirror, shows another value. */
export function refsChanged(updates: readonly RefUpdate[], again: RefList): RefUpdate[] {
  return updates.filter((update) => again.refs.get(update.ref) !== (update.kind === "delete" ? undefined : update.new));
}
