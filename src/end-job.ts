// How a job ends: what its report makes of the status, the lane, the message and the dead-letter queue.
import { randomUUID } from "node:crypto";
import { MAX_RECEIVE_COUNT, METRICS } from "./contract.ts";
import { isSaid, makeDeadLetter, openLetter } from "./dead-letters.ts";
import { attemptsOf, backoffSeconds, type ErrorCode, type ErrorSummary, faultOf, retryOf } from "./errors.ts";
import { type Delivery, type JobEnd, type JobPorts, logJob } from "./job-delivery.ts";
import { announceLane, noteJobEnd, PROBE_MS } from "./lane-health.ts";
import type { MirrorResult } from "./mirror-run.ts";
import type { Instant, Job } from "./model/job.ts";
import { BEHIND_LOOKS_MAX, BEHIND_SECONDS, CLOCK_SKEW_MS } from "./plan/coverage.ts";
import type { RepositoryState, RepositoryStatus } from "./ports.ts";
import { changeRepository } from "./status-changes.ts";

/** A waiting job is sent anew before SQS's own net would move it (design rule 10). */
const RESEND_RECEIVES = MAX_RECEIVE_COUNT - 10;

/** SQS's limit of 12 hours counts from the receive; a minute is left for the job itself. */
const POSTPONE_SECONDS_MAX = 43_000;

/** Sets the status, the lane and the message by what a run reported. */
export async function endJob(
  delivery: Delivery,
  job: Job,
  result: MirrorResult,
  ports: JobPorts,
  probe: boolean,
): Promise<JobEnd> {
  const { report } = result;
  const { lane, change } = await noteJobEnd(ports.status, job, report.error, ports.clock());
  announceLane(ports, job.mirror, change, report.error);
  await forgetDeletions(job, result, ports);
  if (report.error === undefined) return succeed(delivery, job, result, ports);
  // While the lane is down, its jobs wait without counting attempts.
  if (faultOf(report.error.code) === "lane" && (probe || lane?.state === "down")) {
    logJob(delivery, job, result, ports, { end: "waits for the lane" });
    return waitForLane(delivery, job, ports, PROBE_MS / 1000);
  }
  return fail(delivery, job, result, report.error, ports);
}

async function succeed(delivery: Delivery, job: Job, result: MirrorResult, ports: JobPorts): Promise<JobEnd> {
  const now = ports.clock();
  const { equalSince, behind } = result;
  if (behind.length > 0 && (await looksAgain(delivery, job, ports))) {
    logJob(delivery, job, result, ports, { end: "looks again: the source still shows the value before the event" });
    return job.again === true ? "later" : "done";
  }
  const lagMs = job.eventAt === undefined ? undefined : Math.max(0, now - job.eventAt);
  await changeRepository(ports.status, job, (status) => {
    const base = {
      mirror: job.mirror,
      repository: job.repository,
      jobEndedAt: now,
      ...(lagMs === undefined ? lagOf(status) : { lagMs }),
    };
    if (equalSince === undefined) return status === undefined ? undefined : { ...status, ...base };
    const since = status?.state === "equal" ? status.since : now;
    // A source that still answers from the past covers no other job (rule 15).
    const coveredUntil = behind.length > 0 ? (status?.coveredUntil ?? 0) : equalSince - CLOCK_SKEW_MS;
    return { ...base, state: "equal", since, attempts: 0, coveredUntil };
  });
  ports.metrics.add(METRICS.jobsEqual, 1, "Count", { mirror: job.mirror });
  if (lagMs !== undefined) ports.metrics.add(METRICS.lag, lagMs, "Milliseconds", { mirror: job.mirror });
  logJob(delivery, job, result, ports, { end: "equal", lagMs });
  return "done";
}

/** The first time by a job beside the others, which then comes back by its visibility. False when the looks are used up. */
async function looksAgain(delivery: Delivery, job: Job, ports: JobPorts): Promise<boolean> {
  if (job.again !== true) {
    await ports.queue.send({ ...job, again: true }, `again-${delivery.messageId}`);
    return true;
  }
  // Its first receive was only the wait.
  if (delivery.receiveCount > BEHIND_LOOKS_MAX) return false;
  await ports.queue.postpone(job.mirror, delivery.receiptHandle, BEHIND_SECONDS);
  return true;
}

async function forgetDeletions(job: Job, { report }: MirrorResult, ports: JobPorts): Promise<void> {
  const done = report.refs
    .filter(({ kind, outcome }) => kind === "delete" && outcome === "applied")
    .map(({ ref }) => ref);
  if (done.length > 0) await ports.status.forgetAnnounced(job, done);
}

function lagOf(status: RepositoryStatus | undefined): { lagMs?: number } {
  return status?.lagMs === undefined ? {} : { lagMs: status.lagMs };
}

async function fail(
  delivery: Delivery,
  job: Job,
  result: MirrorResult,
  error: ErrorSummary & { retryAfterSeconds?: number },
  ports: JobPorts,
): Promise<JobEnd> {
  const now = ports.clock();
  const { code, message, remedy } = error;
  const before = await ports.status.readRepository(job.mirror, job.repository);
  if (before?.state === "gone" && (code === "forbidden" || code === "not-found")) {
    logJob(delivery, job, result, ports, { end: "the project is gone, as was noticed before" });
    return "done";
  }
  const attempts = (before?.attempts ?? 0) + 1;
  ports.metrics.add(METRICS.jobsFailed, 1, "Count", { mirror: job.mirror });
  if (retryOf(code) !== "never" && attempts < attemptsOf(code)) {
    const seconds = Math.min(error.retryAfterSeconds || backoffSeconds(attempts), POSTPONE_SECONDS_MAX);
    await recordFailure(job, ports, { attempts, error: { code, message, remedy }, now, letter: before?.letter });
    await ports.queue.postpone(job.mirror, delivery.receiptHandle, seconds);
    logJob(delivery, job, result, ports, { end: "tried again", attempts, seconds });
    return "later";
  }
  const open = openLetter(before, now);
  if (code === "guarded" && job.cause === "event" && !isSaid(open, code, result.difference)) {
    // The events that announce the other deletions may not have been posted yet: a look some seconds later can tell.
    const isAsked = before?.state === "held" && open === undefined;
    const { mirror, repository } = job;
    const look: Job = { mirror, repository, cause: "sweep", again: true };
    if (!isAsked) await ports.queue.send(look, `behind-${delivery.messageId}`);
    await recordFailure(job, ports, { attempts: 0, error: { code, message, remedy }, now, letter: undefined });
    logJob(delivery, job, result, ports, {
      end: "looked at again in a few seconds: events that announce the deletions may be on their way",
    });
    return "done";
  }
  let letter = open;
  if (!isSaid(open, code, result.difference)) {
    const body = makeDeadLetter({
      job,
      error: { code, message, remedy },
      report: result.report,
      attempts,
      queuedAt: delivery.queuedAt,
      failedAt: now,
    });
    const id = await ports.queue.sendDeadLetter(body, delivery.messageId);
    letter = { id, at: now, code, difference: result.difference };
    ports.metrics.add(METRICS.deadLetters, 1, "Count", { mirror: job.mirror });
  }
  await recordFailure(job, ports, {
    attempts: 0,
    error: { code, message, remedy },
    now,
    letter,
  });
  logJob(delivery, job, result, ports, {
    end: letter === open ? "failed as the open dead letter says" : "dead-lettered",
    attempts,
    letter: letter?.id,
  });
  return "done";
}

type Failure = {
  attempts: number;
  error: ErrorSummary;
  now: Instant;
  /** The one that is open from now on. */
  letter: RepositoryStatus["letter"] | undefined;
};

async function recordFailure(job: Job, ports: JobPorts, { attempts, error, now, letter }: Failure): Promise<void> {
  await changeRepository(ports.status, job, (status) => {
    const state = stateOf(error.code);
    const since = status?.state === state ? status.since : now;
    const { letter: _, ...base } = status ?? { mirror: job.mirror, repository: job.repository };
    return { ...base, state, since, attempts, error, jobEndedAt: now, ...(letter === undefined ? {} : { letter }) };
  });
}

function stateOf(code: ErrorCode): RepositoryState {
  if (code === "guarded") return "held";
  return code === "foreign" || code === "gone" ? code : "failed";
}

/** The job comes back later without an attempt counted. */
export async function waitForLane(delivery: Delivery, job: Job, ports: JobPorts, seconds: number): Promise<JobEnd> {
  ports.metrics.add(METRICS.jobsPostponed, 1, "Count", { mirror: job.mirror });
  if (delivery.receiveCount >= RESEND_RECEIVES) {
    await ports.queue.send(job, randomUUID());
    return "done";
  }
  await ports.queue.postpone(job.mirror, delivery.receiptHandle, seconds);
  return "later";
}
