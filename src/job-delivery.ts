// A job as the queue delivers it, what working on it needs, and its one line in the log.
import type { Config, MirrorConfig } from "./config.ts";
import { METRICS } from "./contract.ts";
import type { MirrorResult } from "./mirror-run.ts";
import type { Instant, Job } from "./model/job.ts";
import type { MirrorName } from "./model/repository.ts";
import type { Clock, Log, LogFields, Metrics, Queue, StatusStore } from "./ports.ts";
import type { Mirror } from "./remote/mirror.ts";
import type { Source } from "./remote/source.ts";

export type Delivery = {
  messageId: string;
  receiptHandle: string;
  body: string;
  receiveCount: number;
  queuedAt: Instant;
  /** The lane whose queue it came from. */
  mirror: MirrorName;
};

export type JobPorts = {
  config: Config;
  queue: Queue;
  metrics: Metrics;
  log: Log;
  clock: Clock;
  status: StatusStore;
  /** Opens both sides; throws `invalid-secret` or `invalid-configuration`. */
  openSides(job: Job, mirror: MirrorConfig, deadline: AbortSignal): Promise<{ source: Source; mirror: Mirror }>;
};

/** `done`: delete the message. `later`: it comes back when its visibility ends, which was set. */
export type JobEnd = "done" | "later";

/** One structured line for each job. */
export function logJob(
  delivery: Delivery,
  job: Job,
  { report, difference }: MirrorResult,
  ports: JobPorts,
  fields: LogFields,
): void {
  const dimensions = { mirror: job.mirror };
  ports.metrics.add(METRICS.jobTime, report.milliseconds, "Milliseconds", dimensions);
  ports.metrics.add(
    METRICS.queueTime,
    Math.max(0, ports.clock() - report.milliseconds - delivery.queuedAt),
    "Milliseconds",
    dimensions,
  );
  ports.metrics.add(METRICS.bytesFetched, report.bytes.fetched, "Bytes", dimensions);
  ports.metrics.add(METRICS.bytesSent, report.bytes.sent, "Bytes", dimensions);
  const applied = report.refs.filter(({ outcome }) => outcome === "applied").length;
  ports.metrics.add(METRICS.refsUpdated, applied, "Count", dimensions);
  const { outcome, scope, engine, bytes, requests, milliseconds, error } = report;
  ports.log(error === undefined ? "info" : "warn", "job", {
    mirror: job.mirror,
    repository: job.repository,
    cause: job.cause,
    messageId: delivery.messageId,
    receiveCount: delivery.receiveCount,
    outcome,
    scope,
    engine,
    refs: { applied, open: report.refs.length - applied },
    bytes,
    requests,
    milliseconds,
    ...(error === undefined ? {} : { error, difference }),
    ...fields,
  });
}
