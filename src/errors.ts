// The one error class, the closed list of codes, and for each code whether it heals, whose fault it is and what to do.

/**
 * What happens to a job that fails with the code.
 * - `heals`: retried with growing delays, by the service and by the command line.
 * - `waits`: a person must act, but for the whole lane at once: the service retries, the command line does not.
 * - `never`: goes to the dead-letter queue at once.
 */
export type Retry = "heals" | "waits" | "never";

/** `lane`: the host or its credential; five repositories in a row with it bring the lane down. `repository`: this one only. */
export type Fault = "lane" | "repository";

type Rule = { retry: Retry; fault: Fault; attempts?: number; remedy: string };

const RULES = {
  unreachable: {
    retry: "heals",
    fault: "lane",
    remedy: "Check that the host is up and reachable from here; the job goes on by itself when it answers again.",
  },
  "timed-out": {
    retry: "heals",
    fault: "lane",
    remedy: "Check the host's load and the network between; the job is tried again by itself.",
  },
  "server-error": {
    retry: "heals",
    fault: "lane",
    remedy: "Look at the host's status page or log; the job is tried again by itself.",
  },
  throttled: {
    retry: "heals",
    fault: "lane",
    remedy: "Nothing if it is rare (the host's Retry-After is honoured); else lower this mirror's `concurrency`.",
  },
  "credential-refused": {
    retry: "waits",
    fault: "lane",
    remedy: "Put a valid credential into the named secret (it is read again at once after a refusal).",
  },
  "invalid-secret": {
    retry: "waits",
    fault: "lane",
    remedy: 'Write the secret as {"username": "...", "password": "..."} or {"token": "..."}.',
  },
  "not-git": {
    retry: "heals",
    fault: "lane",
    remedy: "Open the URL in a browser: a sign-in page, a proxy or a wrong path answers instead of Git.",
  },
  forbidden: {
    retry: "never",
    fault: "repository",
    remedy:
      "Give the account the permission on this repository (Gerrit also says 403 for a missing or hidden project).",
  },
  "not-found": {
    retry: "never",
    fault: "repository",
    remedy: "Create the repository or correct the URL or name mapping, then replay.",
  },
  redirected: {
    retry: "never",
    fault: "repository",
    remedy: "Put the new address into the configuration; credentials are never sent to another origin.",
  },
  "too-large": {
    retry: "never",
    fault: "repository",
    remedy: "Raise the host's or its proxy's limit for the size of a push, then replay.",
  },
  "malformed-answer": {
    retry: "heals",
    fault: "repository",
    remedy: "Look for a proxy that cuts answers, and at the host's log; nothing was changed on the mirror.",
  },
  "request-refused": {
    retry: "heals",
    fault: "repository",
    remedy: "Read the host's sentence in the message; nothing was changed on the mirror.",
  },
  "corrupt-pack": {
    retry: "heals",
    fault: "repository",
    attempts: 4,
    remedy: "Run `git fsck` on the source's repository; nothing was changed on the mirror.",
  },
  "unpack-failed": {
    retry: "heals",
    fault: "repository",
    attempts: 3,
    remedy: "Read the host's sentence in the message: its disk, its limits or its fsck rules refused the objects.",
  },
  rejected: {
    retry: "never",
    fault: "repository",
    remedy: "Read the reason beside each ref: lift the protection or rule on the mirror, then replay.",
  },
  unproven: {
    retry: "heals",
    fault: "repository",
    remedy: "The host said ok but shows another value: look for a lagging replica or a hook that moves refs back.",
  },
  busy: {
    retry: "heals",
    fault: "repository",
    remedy: "Refs moved each time they were read; if it stays so, find who else pushes to the mirror.",
  },
  deadline: {
    retry: "heals",
    fault: "repository",
    remedy: "The job's time ended before the work did: look at the sizes and speeds in the log line of the job.",
  },
  unsupported: {
    retry: "never",
    fault: "repository",
    remedy: "This repository cannot be mirrored by this version; see docs/limits.md.",
  },
  guarded: {
    retry: "never",
    fault: "repository",
    remedy: "Check at the source that the refs are really gone (a lost READ permission looks the same), then approve.",
  },
  foreign: {
    retry: "never",
    fault: "repository",
    remedy:
      "The mirror holds other work than the source: check the name mapping, then run `gerrit-mirror mirror REPOSITORY --adopt`.",
  },
  gone: {
    retry: "never",
    fault: "repository",
    remedy:
      "The project is gone from Gerrit; its mirror was left alone. Delete the mirror by hand if it is not wanted.",
  },
  "invalid-job": {
    retry: "never",
    fault: "repository",
    remedy: "The message is no job of this version: discard it; the sweep makes a new job if one is needed.",
  },
  "queue-refused": {
    retry: "heals",
    fault: "lane",
    remedy: "Check the queue's address and permissions.",
  },
  "invalid-configuration": {
    retry: "never",
    fault: "lane",
    remedy: "Correct the configuration as the message says.",
  },
  usage: { retry: "never", fault: "repository", remedy: "Run the command with --help." },
  internal: {
    retry: "heals",
    fault: "repository",
    attempts: 3,
    remedy: "This is a fault of gerrit-mirror: report it with the log line.",
  },
} as const satisfies Record<string, Rule>;

export type ErrorCode = keyof typeof RULES;

export const ERROR_CODES = Object.keys(RULES) as ErrorCode[];

/** Delays in seconds before attempt 2, 3, ...; the last one repeats (design 4). A host's `Retry-After` wins. */
export const BACKOFF_SECONDS = [5, 30, 120, 300, 900] as const;

/** Attempts of one job before its dead letter (design 4), unless the code's own rule says fewer. */
export const ATTEMPTS_MAX = 8;

export type Side = "source" | "mirror";

type Details = { side?: Side; retryAfterSeconds?: number; remedy?: string; cause?: unknown };

/** The only error this project throws on purpose. The message names the thing, the value and what was expected; never a secret. */
export class MirrorError extends Error {
  override readonly name = "MirrorError";
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly side: Side | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, details: Details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.remedy = details.remedy ?? RULES[code].remedy;
    this.side = details.side;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }

  /** Any thrown value as a MirrorError; what is not one of ours is `internal`. */
  static from(error: unknown): MirrorError {
    if (error instanceof MirrorError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new MirrorError("internal", message, { cause: error });
  }
}

export function retryOf(code: ErrorCode): Retry {
  return RULES[code].retry;
}

export function faultOf(code: ErrorCode): Fault {
  return RULES[code].fault;
}

export function attemptsOf(code: ErrorCode): number {
  const rule: Rule = RULES[code];
  return rule.attempts ?? ATTEMPTS_MAX;
}

export function remedyOf(code: ErrorCode): string {
  return RULES[code].remedy;
}

/** Seconds to wait after failed attempt number `attempt` (1 is the first). */
export function backoffSeconds(attempt: number): number {
  const index = Math.min(Math.max(attempt, 1), BACKOFF_SECONDS.length) - 1;
  return BACKOFF_SECONDS[index] ?? 900;
}

/** What a person reads of an error, in reports, status items and dead letters. */
export type ErrorSummary = { code: ErrorCode; message: string; remedy: string };

export function summarizeError(error: MirrorError): ErrorSummary {
  return { code: error.code, message: error.message, remedy: error.remedy };
}
