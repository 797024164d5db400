// The worker's use case: one delivered job to its end: done, back later, or dead-lettered with the reason.
import { type MirrorConfig, mirrorsOf } from "./config.ts";
import { METRICS } from "./contract.ts";
import { endJob, waitForLane } from "./end-job.ts";
import { MirrorError, summarizeError } from "./errors.ts";
import { commandsMaxOf } from "./host/hosts.ts";
import type { Delivery, JobEnd, JobPorts } from "./job-delivery.ts";
import { takeTurn } from "./lane-health.ts";
import { mirrorRepository } from "./mirror-repository.ts";
import type { MirrorResult } from "./mirror-run.ts";
import { type Job, parseJob } from "./model/job.ts";
import type { Report } from "./model/report.ts";
import { ANNOUNCED_MS, BEHIND_SECONDS, isCovered, readsInFull } from "./plan/coverage.ts";
import { managesRef } from "./plan/ref-patterns.ts";
import type { RepositoryStatus } from "./ports.ts";
import { changeRepository } from "./status-changes.ts";

/** Throws only when the queue or the status store fails: then the message comes back by its visibility timeout. */
export async function runJob(delivery: Delivery, ports: JobPorts, deadline: AbortSignal): Promise<JobEnd> {
  const read = await readJob(delivery, ports);
  if (read === undefined) return "done";
  const lane = mirrorsOf(ports.config, read.repository).find(({ name }) => name === read.mirror);
  const job = lane === undefined ? undefined : managedJob(read, lane);
  if (lane === undefined || job === undefined) {
    ports.log("warn", "job dropped: the configuration no longer mirrors this there", {
      mirror: read.mirror,
      repository: read.repository,
    });
    return "done";
  }
  if (job.again === true && delivery.receiveCount === 1) return lookLater(delivery, job, ports);
  const status = await ports.status.readRepository(job.mirror, job.repository);
  // Before the turn: a job that asks nothing of the lane must not use up the minute's probe.
  if (isCovered(job, delivery.queuedAt, status)) return covered(job, ports);
  const turn = await takeTurn(ports.status, job.mirror, ports.clock());
  if (turn.kind === "wait") return waitForLane(delivery, job, ports, turn.seconds);
  if (status === undefined) await beginRepository(job, ports);
  const result = await work(delivery, job, lane, status, ports, deadline);
  return endJob(delivery, job, result, ports, turn.kind === "probe");
}

/** The job without refs that the lane does not manage (any more); undefined when it named nothing else. */
function managedJob(job: Job, lane: MirrorConfig): Job | undefined {
  if (job.refs === undefined) return job;
  const refs = job.refs.filter(({ ref }) => managesRef(lane.refs, ref));
  return refs.length === 0 ? undefined : { ...job, refs };
}

/** A FIFO queue delays no single message, so a second look waits by its visibility. */
async function lookLater(delivery: Delivery, job: Job, ports: JobPorts): Promise<JobEnd> {
  await ports.queue.postpone(job.mirror, delivery.receiptHandle, BEHIND_SECONDS);
  return "later";
}

async function readJob(delivery: Delivery, ports: JobPorts): Promise<Job | undefined> {
  try {
    return parseJob(delivery.body);
  } catch (error) {
    await ports.queue.sendUnreadable(delivery.mirror, delivery.body, delivery.messageId);
    ports.metrics.add(METRICS.deadLetters, 1, "Count", { mirror: delivery.mirror });
    ports.log("error", "a message that is no job went to the dead-letter queue", {
      mirror: delivery.mirror,
      messageId: delivery.messageId,
      error: MirrorError.from(error),
    });
    return undefined;
  }
}

function covered(job: Job, ports: JobPorts): JobEnd {
  ports.metrics.add(METRICS.jobsCovered, 1, "Count", { mirror: job.mirror });
  ports.log("info", "job covered by a later full read", {
    mirror: job.mirror,
    repository: job.repository,
    cause: job.cause,
  });
  return "done";
}

/** Shows a first mirror that takes its time; another writer's item stays. */
async function beginRepository(job: Job, ports: JobPorts): Promise<void> {
  const { mirror, repository } = job;
  await ports.status.writeRepository({ mirror, repository, state: "working", since: ports.clock(), attempts: 0 });
}

async function work(
  delivery: Delivery,
  job: Job,
  lane: MirrorConfig,
  status: RepositoryStatus | undefined,
  ports: JobPorts,
  deadline: AbortSignal,
): Promise<MirrorResult> {
  const now = ports.clock();
  const full = readsInFull(job, { ...delivery, now }, status);
  try {
    const sides = await ports.openSides(job, lane, deadline);
    return await mirrorRepository({
      ...sides,
      managed: lane.refs,
      named: job.refs ?? [],
      scope: full ? "full" : "narrow",
      readAnnounced: () => ports.status.readAnnounced(job, now - ANNOUNCED_MS),
      limits: ports.config.guard,
      ...commandsMaxOf(lane.host),
      ...(job.allowDeletes === undefined ? {} : { allowDeletes: job.allowDeletes }),
      refuseForeign: isFirstContact(status),
      ...(isFirstContact(status) ? { admitted: () => noteContact(job, ports) } : {}),
      clock: ports.clock,
      bytes: { fetched: 0, sent: 0 },
    });
  } catch (error) {
    return failedToOpen(MirrorError.from(error));
  }
}

/** Until the mirror was once admitted, and after the project was gone, the mirror may be another repository's (rule 17). */
function isFirstContact(status: RepositoryStatus | undefined): boolean {
  return status?.coveredUntil === undefined || status.state === "foreign" || status.state === "gone";
}

/**
 * From here on the mirror is known as this repository's: a first push that breaks off leaves values there that the source
 * may have moved on from by the next attempt. Nothing is covered yet.
 */
async function noteContact(job: Job, ports: JobPorts): Promise<void> {
  const { mirror, repository } = job;
  await changeRepository(ports.status, job, (status) => {
    if (!isFirstContact(status)) return undefined;
    const base = status ?? { mirror, repository, attempts: 0 };
    return { ...base, state: "working", since: ports.clock(), coveredUntil: status?.coveredUntil ?? 0 };
  });
}

function failedToOpen(error: MirrorError): MirrorResult {
  const nothing = { refs: [], bytes: { fetched: 0, sent: 0 }, requests: { source: 0, mirror: 0 }, milliseconds: 0 };
  const report: Report = {
    outcome: "failed",
    scope: "full",
    engine: "relay",
    ...nothing,
    error: summarizeError(error),
  };
  return { report, behind: [], difference: error.code };
}
