// A job: "make this mirror of this repository equal to Gerrit now"; what an event named is only a hint.
import { JOB_REFS_MAX } from "../contract.ts";
import { MirrorError } from "../errors.ts";
import { isOid, type Oid } from "./oid.ts";
import { isRefName, type RefName } from "./ref.ts";
import { isMirrorName, isRepositoryName, type MirrorName, type RepositoryName } from "./repository.ts";

/** A ref that an event named; `old` is the value that the event says it had before. */
export type NamedRef = { ref: RefName; deleted: boolean; old?: Oid };

export type Cause = "event" | "sweep" | "replay" | "manual";

/** Milliseconds since the epoch. */
export type Instant = number;

/** SHA-256 over the sorted lines `oid SP ref LF` of deletions that the guard held. */
export type Digest = string;

export type Job = {
  mirror: MirrorName;
  repository: RepositoryName;
  /** Absent: the whole repository. */
  refs?: NamedRef[];
  cause: Cause;
  /** Gerrit's clock; serves the lag figure and nothing else. */
  eventAt?: Instant;
  allowDeletes?: Digest;
  /** A second look, a few seconds later and beside the repository's other jobs, which must not wait for it. */
  again?: true;
};

export function encodeJob(job: Job): string {
  return JSON.stringify(job);
}

const CAUSES: readonly string[] = ["event", "sweep", "replay", "manual"];
const DIGEST = /^[0-9a-f]{64}$/;

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Throws `invalid-job` with the field at fault. Fields of newer versions are dropped. */
export function parseJob(text: string): Job {
  const value = parseObject(text);
  const { mirror, repository, cause, refs, eventAt, allowDeletes, again } = value;
  if (typeof mirror !== "string" || !isMirrorName(mirror)) throw invalid("mirror", mirror);
  if (typeof repository !== "string" || !isRepositoryName(repository)) throw invalid("repository", repository);
  if (typeof cause !== "string" || !CAUSES.includes(cause)) throw invalid("cause", cause);
  if (eventAt !== undefined && !Number.isSafeInteger(eventAt)) throw invalid("eventAt", eventAt);
  if (allowDeletes !== undefined && (typeof allowDeletes !== "string" || !DIGEST.test(allowDeletes))) {
    throw invalid("allowDeletes", allowDeletes);
  }
  return {
    mirror,
    repository,
    cause: cause as Cause,
    ...(refs === undefined ? {} : { refs: parseNamedRefs(refs) }),
    ...(eventAt === undefined ? {} : { eventAt: eventAt as Instant }),
    ...(allowDeletes === undefined ? {} : { allowDeletes }),
    ...(again === true ? { again } : {}),
  };
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MirrorError("invalid-job", "The message is no JSON.", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("message", value);
  return value as Record<string, unknown>;
}

function parseNamedRefs(value: unknown): NamedRef[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > JOB_REFS_MAX) throw invalid("refs", value);
  return value.map((entry: unknown) => {
    const { ref, deleted, old } = (entry ?? {}) as Record<string, unknown>;
    if (typeof ref !== "string" || !isRefName(ref)) throw invalid("refs[].ref", ref);
    if (typeof deleted !== "boolean") throw invalid("refs[].deleted", deleted);
    if (old !== undefined && (typeof old !== "string" || !isOid(old))) throw invalid("refs[].old", old);
    return old === undefined ? { ref, deleted } : { ref, deleted, old };
  });
}

function invalid(field: string, value: unknown): MirrorError {
  const shown = JSON.stringify(value)?.slice(0, 200) ?? "nothing";
  return new MirrorError("invalid-job", `The job's field "${field}" cannot be ${shown}.`);
}
