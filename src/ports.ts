// The ports: what the core needs from outside, as types; adapters implement them.
//
// The words (design 5.1), one for each thing:
//   source, mirror      the two sides; sourceRefs and mirrorRefs line up
//   repository          what Gerrit calls a project
//   event               a verified hint that a ref may have moved
//   job                 "make this mirror of this repository equal now"
//   ref, oid            full name, full hex
//   advertisement       what a server says of its refs and features
//   want, have          objects asked for, objects the mirror has
//   ref update          {ref, old, new}
//   plan, report        what shall be done and why; what became of each ref
//   lane                one mirror's queue, dead-letter queue and worker
//   equal, lag          proved the same by reading both; from Gerrit's event to the mirror's ref
import type { ErrorSummary } from "./errors.ts";
import type { Digest, Instant, Job } from "./model/job.ts";
import type { RefName } from "./model/ref.ts";
import type { MirrorName, RepositoryName } from "./model/repository.ts";
import type { Secret } from "./model/secret.ts";

export type HttpRequest = {
  method: "GET" | "POST" | "PUT" | "DELETE";
  url: string;
  /** Lower-case names. Without `content-length` a body that is an iterable goes out chunked. */
  headers: Readonly<Record<string, string>>;
  /** If the iterable throws, the socket is destroyed: the request never ends as if it were whole. */
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  signal?: AbortSignal;
  /** Longest silence in milliseconds before and between the answer's bytes while nothing is being sent. */
  idleMs?: number;
};

export type HttpResponse = {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** Decoded where the server compressed it. Ends early only with an error. */
  body: AsyncIterable<Uint8Array>;
  /** Drops the connection; for answers that are not read to their end. */
  destroy(): void;
};

/**
 * Resolves when the answer's headers are there, also while the request's body is still being written.
 * Follows no redirect. Rejects with `unreachable` or `timed-out`.
 */
export type HttpClient = (request: HttpRequest) => Promise<HttpResponse>;

/** One HttpClient for each private certificate authority, so that connections are shared. */
export type HttpClients = {
  /** `ca`: a file's path (it holds a `/` or ends in .pem or .crt) or a secret's name. Throws `invalid-configuration`. */
  for(ca?: string): Promise<HttpClient>;
  close(): void;
};

/** What a dead letter's body says (design rule 11), as JSON. */
export type DeadLetter = {
  version: 1;
  job: Job;
  code: string;
  message: string;
  remedy: string;
  /** Display names of the refs concerned with what became of them, at most 1,000. */
  refs: { ref: string; old: string | null; new: string | null; outcome: string; reason: string }[];
  /** How many refs were left out of `refs`. */
  refsOmitted: number;
  deletions?: { count: number; digest: Digest };
  attempts: number;
  queuedAt: Instant;
  failedAt: Instant;
};

export type Queue = {
  /** Throws `queue-refused`. */
  send(job: Job, deduplicationId: string): Promise<void>;
  /** Changes the message's visibility: it comes back after so many seconds (0 to 43,200). */
  postpone(mirror: MirrorName, receiptHandle: string, seconds: number): Promise<void>;
  /** Returns the letter's message id. Its group is the repository's, its deduplication id the failed job's message id. */
  sendDeadLetter(letter: DeadLetter, failedMessageId: string): Promise<string>;
  /** Keeps a message that is no job: its body goes as it is to the lane's dead-letter queue, in a group of its own. */
  sendUnreadable(mirror: MirrorName, body: string, failedMessageId: string): Promise<void>;
};

export type Secrets = {
  /**
   * The valid texts of a secret, current first (on rotation the previous one follows). Cached five minutes; `fresh`
   * reads anew. Throws `invalid-secret` with the name when there is none.
   */
  read(name: string, options?: { fresh?: boolean }): Promise<Secret[]>;
};

/** Counts and times; `dimensions` never holds a repository. */
export type Metrics = {
  add(name: string, value: number, unit: "Count" | "Milliseconds" | "Bytes", dimensions?: { mirror?: string }): void;
};

export type LogFields = Readonly<Record<string, unknown>>;
export type Log = (level: "info" | "warn" | "error", message: string, fields?: LogFields) => void;

/** Milliseconds since the epoch. */
export type Clock = () => Instant;

export type RepositoryState = "equal" | "working" | "failed" | "held" | "foreign" | "gone" | "paused";

/** The open dead letter of a repository and mirror; `difference` is a digest of what it was about. */
export type OpenLetter = { id: string; at: Instant; code: string; difference: string };

export type RepositoryStatus = {
  mirror: MirrorName;
  repository: RepositoryName;
  state: RepositoryState;
  /** When the state began. */
  since: Instant;
  /** Failed attempts of the job at the head of the queue. */
  attempts: number;
  error?: ErrorSummary;
  /** The worker's clock before the first byte of the last full read that ended equal, less one second. */
  coveredUntil?: Instant;
  /** When the last job ended. */
  jobEndedAt?: Instant;
  letter?: OpenLetter;
  /** From Gerrit's event to the proof, of the last event. */
  lagMs?: number;
  /** Set by the store; a write succeeds only if nobody wrote since. Absent: the item must not exist yet. */
  version?: number;
};

export type LaneStatus = {
  mirror: MirrorName;
  state: "up" | "down" | "paused";
  since: Instant;
  /** Repositories in a row whose jobs ended with a lane's fault. */
  failing: RepositoryName[];
  error?: ErrorSummary;
  /** When the next probe may go out while the lane is down. */
  probeAt?: Instant;
  version?: number;
};

export type SweepCursor = {
  /** Identifies the run in deduplication ids. */
  run: string;
  /** The last repository that was compared; the sweep goes on after it. */
  after?: RepositoryName;
  endedAt?: Instant;
};

/** Never needed for correctness: lose it, and the next sweep fills it again. */
export type StatusStore = {
  readRepository(mirror: MirrorName, repository: RepositoryName): Promise<RepositoryStatus | undefined>;
  /** False when somebody wrote since `status.version` was read: read again and decide again. */
  writeRepository(status: RepositoryStatus): Promise<boolean>;
  listRepositories(): Promise<RepositoryStatus[]>;
  /** Remembers deletions that an event announced: jobs before it in the queue would take them for lost permissions. */
  announceDeletions(
    key: { mirror: MirrorName; repository: RepositoryName },
    refs: readonly RefName[],
    at: Instant,
  ): Promise<void>;
  /** Refs announced as deleted at `since` or later. */
  readAnnounced(key: { mirror: MirrorName; repository: RepositoryName }, since: Instant): Promise<RefName[]>;
  forgetAnnounced(key: { mirror: MirrorName; repository: RepositoryName }, refs: readonly RefName[]): Promise<void>;
  readLane(mirror: MirrorName): Promise<LaneStatus | undefined>;
  writeLane(status: LaneStatus): Promise<boolean>;
  listLanes(): Promise<LaneStatus[]>;
  readCursor(): Promise<SweepCursor | undefined>;
  writeCursor(cursor: SweepCursor): Promise<void>;
};
