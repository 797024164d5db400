// Reads the body of a Gerrit webhook post: which repository and refs may have moved, as a hint and never as the truth.
import { MirrorError } from "../errors.ts";
import type { Instant } from "../model/job.ts";
import { isOid, type Oid } from "../model/oid.ts";
import { isRefName, type RefName, refBytes } from "../model/ref.ts";
import { isRepositoryName, type RepositoryName } from "../model/repository.ts";

/** `old` is absent for a creation, `new` for a deletion (Gerrit writes 40 zeros). */
export type RefChange = { ref: RefName; old?: Oid; new?: Oid };

export type GerritEvent =
  | { kind: "refs"; repository: RepositoryName; refs: RefChange[]; at?: Instant }
  /** The repository is new or its HEAD moved. */
  | { kind: "repository"; repository: RepositoryName; at?: Instant };

/** An event that can move no mirror: of another type, or with no ref that changed under a legal name. */
export type IgnoredEvent = { kind: "ignored"; type: string };

/** Throws `usage` for what is no event; fields and types of newer Gerrits are passed over. */
export function parseEvent(body: Uint8Array): GerritEvent | IgnoredEvent {
  const event = parseObject(body);
  const { type } = event;
  if (typeof type !== "string") throw invalid("type", type, "a text");
  switch (type) {
    case "ref-updated":
      return refsEvent(event, type, [objectOf(event.refUpdate, "refUpdate")]);
    case "batch-ref-updated":
      return refsEvent(event, type, updatesOf(event.refUpdates));
    case "project-created":
    case "project-head-updated":
      return { kind: "repository", repository: repositoryOf(event.projectName, "projectName"), ...createdOn(event) };
    default:
      return { kind: "ignored", type };
  }
}

type Fields = Readonly<Record<string, unknown>>;

const ZEROS = "0".repeat(40);
const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseObject(body: Uint8Array): Fields {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(body));
  } catch (error) {
    throw new MirrorError("usage", "The body is no JSON in UTF-8; a Gerrit event was expected.", { cause: error });
  }
  return objectOf(value, "body");
}

function updatesOf(value: unknown): Fields[] {
  if (!Array.isArray(value)) throw invalid("refUpdates", value, "a list");
  return value.map((entry: unknown) => objectOf(entry, "refUpdates[]"));
}

function refsEvent(event: Fields, type: string, updates: Fields[]): GerritEvent | IgnoredEvent {
  const first = updates[0];
  if (first === undefined) return { kind: "ignored", type };
  const repository = repositoryOf(event.projectName ?? first.project, "project");
  const refs = updates.flatMap((update) => {
    const elsewhere = update.project !== undefined && repositoryOf(update.project, "project") !== repository;
    return elsewhere ? [] : changeOf(update);
  });
  return refs.length === 0 ? { kind: "ignored", type } : { kind: "refs", repository, refs, ...createdOn(event) };
}

/** None for a ref that did not move, or whose name is not full (Gerrit before 2.12) or not legal. */
function changeOf(update: Fields): RefChange[] {
  const { refName, oldRev, newRev } = update;
  if (typeof refName !== "string") throw invalid("refName", refName, "a text");
  // A missing value is no deletion: only the zeros announce one (design rule 7).
  if (typeof newRev !== "string" || !(isOid(newRev) || newRev === ZEROS)) {
    throw invalid("newRev", newRev, "40 hexadecimal digits");
  }
  const ref = refBytes(refName);
  if (oldRev === newRev || !refName.isWellFormed() || !isRefName(ref)) return [];
  return [
    { ref, ...(typeof oldRev === "string" && isOid(oldRev) && { old: oldRev }), ...(isOid(newRev) && { new: newRev }) },
  ];
}

/** A text, or `{"name"}`: the webhooks plugin writes `projectName` either way, depending on the event's type. */
function repositoryOf(value: unknown, field: string): RepositoryName {
  const name: unknown = typeof value === "object" && value !== null ? (value as Fields).name : value;
  if (typeof name !== "string") throw invalid(field, value, "a project's name");
  const repository = name.replace(/\.git$/, "");
  if (!isRepositoryName(repository)) throw invalid(field, value, "a project's name");
  return repository;
}

/** `eventCreatedOn` is in whole seconds; an odd one is left out, since it serves the lag figure only. */
function createdOn(event: Fields): { at?: Instant } {
  const seconds = event.eventCreatedOn;
  if (typeof seconds !== "number" || !Number.isInteger(seconds) || seconds < 0) return {};
  return Number.isSafeInteger(seconds * 1000) ? { at: seconds * 1000 } : {};
}

function objectOf(value: unknown, field: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(field, value, "an object");
  return value as Fields;
}

/** Shows no lists or objects: their size and depth are the sender's choice. */
function invalid(field: string, value: unknown, expected: string): MirrorError {
  const shown = value === null || typeof value !== "object" ? JSON.stringify(value) : "a list or object";
  const message = `The event's field "${field}" is ${shown?.slice(0, 200) ?? "missing"}; ${expected} was expected.`;
  return new MirrorError("usage", message, { remedy: "Post the events of Gerrit's webhooks plugin unchanged." });
}
