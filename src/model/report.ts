// What was planned and what became of it: ref updates, the plan and the report.
import type { ErrorSummary } from "../errors.ts";
import type { Digest } from "./job.ts";
import type { Oid } from "./oid.ts";
import type { RefName } from "./ref.ts";

export type Engine = "relay" | "clone";

/** A change of one ref at the mirror; `old` is the value just read there. The zero id exists only in `wire/`. */
export type RefUpdate =
  | { kind: "create"; ref: RefName; new: Oid }
  | { kind: "update"; ref: RefName; old: Oid; new: Oid }
  | { kind: "delete"; ref: RefName; old: Oid };

/** What the mirror's report said of one command. */
export type CommandResult = { ok: true } | { ok: false; reason: string };

export type UpdateReason =
  /** The mirror lacks the ref. */
  | "missing"
  /** The mirror shows another value. */
  | "differs"
  /** The source no longer lists the ref and an event said so. */
  | "announced"
  /** The source no longer lists the ref; few enough that the guard lets it pass. */
  | "gone"
  /** Held before, approved by digest. */
  | "approved";

export type PlannedUpdate = RefUpdate & { reason: UpdateReason };

export type SkipReason =
  /** Already equal (listed only for refs that a job named). */
  | "equal"
  /** A symbolic ref on either side is left alone. */
  | "symbolic"
  /** The deletion guard holds this deletion. */
  | "guarded"
  /** A held deletion (`a`) stands in the way of this ref (`a/b`), or the other way round. */
  | "blocked"
  /** The source lists a name that is no legal ref name. */
  | "illegal";

export type SkippedRef = { ref: RefName; reason: SkipReason; old?: Oid; new?: Oid };

export type Deletions = { count: number; digest: Digest; held: boolean };

export type Plan = {
  scope: "full" | "narrow";
  updates: PlannedUpdate[];
  wants: Oid[];
  haves: Oid[];
  skipped: SkippedRef[];
  /** The unannounced deletions, where there are any. */
  deletions?: Deletions;
  engine: Engine;
};

export type RefOutcome = "applied" | "current" | "skipped" | "moved" | "rejected" | "held";

export type RefReport = {
  ref: RefName;
  kind: "create" | "update" | "delete";
  old?: Oid;
  new?: Oid;
  outcome: RefOutcome;
  reason: string;
};

export type Report = {
  /** `equal`: proved by reading back. `partial`: some refs moved and others could not. `failed`: nothing is as it should be. */
  outcome: "equal" | "partial" | "failed";
  scope: "full" | "narrow";
  engine: Engine;
  /** What was not already equal. */
  refs: RefReport[];
  deletions?: Deletions;
  /** Pack bytes only. */
  bytes: { fetched: number; sent: number };
  requests: { source: number; mirror: number };
  milliseconds: number;
  error?: ErrorSummary & { retryAfterSeconds?: number };
};
