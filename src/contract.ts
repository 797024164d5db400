// Names and limits that the infrastructure and the running code share, so that each is written once. Imports nothing.

/** Environment variables the Lambda handlers read (`functions/` only). */
export const ENV = {
  /** Path of the configuration file inside the function's bundle. */
  configFile: "CONFIG_FILE",
  /** JSON object: mirror name -> URL of the lane's queue. */
  queueUrls: "QUEUE_URLS",
  /** JSON object: mirror name -> URL of the lane's dead-letter queue. */
  deadLetterUrls: "DEAD_LETTER_URLS",
  /** Name of the DynamoDB status table (on AWS). */
  statusTable: "STATUS_TABLE",
  /** Path of the SQLite status file (on one machine). */
  statusFile: "STATUS_FILE",
  /** Path of a JSON file with the secrets (on one machine); without it, AWS Secrets Manager is read. */
  secretsFile: "SECRETS_FILE",
} as const;

/** Namespace of every metric. */
export const METRIC_NAMESPACE = "GerritMirror";

/** Metric names; dimensions are `mirror` where a lane is meant, never the repository (its cost grows with the site). */
export const METRICS = {
  eventsQueued: "EventsQueued",
  eventsIgnored: "EventsIgnored",
  eventsRefused: "EventsRefused",
  jobsEqual: "JobsEqual",
  jobsCovered: "JobsCovered",
  jobsFailed: "JobsFailed",
  jobsPostponed: "JobsPostponed",
  deadLetters: "DeadLetters",
  lag: "Lag",
  jobTime: "JobTime",
  queueTime: "QueueTime",
  bytesFetched: "BytesFetched",
  bytesSent: "BytesSent",
  refsUpdated: "RefsUpdated",
  laneDown: "LaneDown",
  sweepRepositories: "SweepRepositories",
  sweepDrift: "SweepDrift",
} as const;

/** Largest webhook body read, in bytes: a `ref-updated` is 1 kB, a batch of 500 refs 120 kB (recorded bodies). */
export const WEBHOOK_BODY_BYTES_MAX = 256 * 1024;

/** Refs that one job names; an event with more makes a full job, since reading all is then cheaper than 2 x N prefixes. */
export const JOB_REFS_MAX = 100;

/** Largest dead letter in bytes (design rule 11). */
export const DEAD_LETTER_BYTES_MAX = 256 * 1024;

/** SQS's `maxReceiveCount`: only the net for a worker that dies; attempts are counted in the status item. */
export const MAX_RECEIVE_COUNT = 50;

/** Seconds, each less than the next: the job's own deadline ends before the function's, and that before the visibility. */
export const JOB_DEADLINE_SECONDS = 840;
export const WORKER_TIMEOUT_SECONDS = 870;
export const VISIBILITY_TIMEOUT_SECONDS = 900;

/** Retention of the dead-letter queue in days (SQS's maximum). */
export const DEAD_LETTER_RETENTION_DAYS = 14;
