// The plan: two ref lists in, the updates with their reasons out. Pure; nothing is sent while planning.
import type { Digest, NamedRef } from "../model/job.ts";
import { isRefName, type RefName } from "../model/ref.ts";
import type { RefList } from "../model/ref-list.ts";
import type { Plan, PlannedUpdate, SkippedRef } from "../model/report.ts";
import { blockedByHeld, conflictsBelow } from "./conflicts.ts";
import { type Deletion, deletionsDigest, type GuardLimits, holdsDeletions } from "./guard.ts";
import { chooseHaves, chooseWants } from "./objects.ts";

export type FullPlanInput = {
  source: RefList;
  mirror: RefList;
  /** Refs whose deletion an event announced. */
  announced: ReadonlySet<RefName>;
  limits: GuardLimits;
  /** Approves exactly the deletions with this digest. */
  allowDeletes?: Digest;
};

/** Both lists hold managed refs only. */
export function planFull(input: FullPlanInput): Plan {
  const { source, mirror } = input;
  const skipped: SkippedRef[] = [];
  const changes = planChanges(source, mirror, skipped);
  const gone = planDeletions(source, mirror, skipped);
  const announced = gone.filter(({ ref }) => input.announced.has(ref));
  const unannounced = gone.filter(({ ref }) => !input.announced.has(ref));
  const guard = guardDeletions(input, unannounced);
  const deletes: PlannedUpdate[] = announced.map((deletion) => ({ ...deletion, reason: "announced" }));
  if (guard.held) {
    for (const { ref, old } of unannounced) skipped.push({ ref, reason: "guarded", old });
  } else {
    deletes.push(
      ...unannounced.map((deletion): PlannedUpdate => ({ ...deletion, reason: guard.approved ? "approved" : "gone" })),
    );
  }
  const blocked = guard.held ? blockedByHeld(changes, unannounced) : new Set<RefName>();
  for (const change of changes) {
    if (change.kind === "create" && blocked.has(change.ref))
      skipped.push({ ref: change.ref, reason: "blocked", new: change.new });
  }
  const updates = [...deletes.sort(byRef), ...changes.filter(({ ref }) => !blocked.has(ref)).sort(byRef)];
  const deletions =
    unannounced.length === 0
      ? {}
      : { deletions: { count: unannounced.length, digest: guard.digest, held: guard.held } };
  return { ...finish("full", updates, skipped, source, mirror), ...deletions };
}

/** Why a narrow job must read everything. */
export type WidenReason =
  /** A named ref is missing at the source and no event announced its deletion. */
  | "unannounced-deletion"
  /** The mirror has refs below a name that is to be created. */
  | "name-conflict";

/** Plans the named refs alone. Names are matched exactly: the lists may hold more than was named. */
export function planNarrow(input: {
  named: readonly NamedRef[];
  source: RefList;
  mirror: RefList;
}): Plan | { widen: WidenReason } {
  const { named, source, mirror } = input;
  const updates: PlannedUpdate[] = [];
  const skipped: SkippedRef[] = [];
  for (const { ref, deleted } of named) {
    const next = source.refs.get(ref);
    const old = mirror.refs.get(ref);
    if (source.symbolic.has(ref) || mirror.symbolic.has(ref)) skipped.push({ ref, reason: "symbolic" });
    else if (next === old) skipped.push({ ref, reason: "equal" });
    else if (next !== undefined && old !== undefined)
      updates.push({ kind: "update", ref, old, new: next, reason: "differs" });
    else if (next !== undefined) updates.push({ kind: "create", ref, new: next, reason: "missing" });
    else if (!deleted) return { widen: "unannounced-deletion" };
    else if (old !== undefined) updates.push({ kind: "delete", ref, old, reason: "announced" });
  }
  const deletes = updates.filter(({ kind }) => kind === "delete");
  if (conflictsBelow(updates, mirror)) return { widen: "name-conflict" };
  const ordered = [...deletes.sort(byRef), ...updates.filter(({ kind }) => kind !== "delete").sort(byRef)];
  return finish("narrow", ordered, skipped, source, mirror);
}

/** Whether the two have any value in common; a mirror that has none may be another repository's (rule 17). */
export function sharesTip(source: RefList, mirror: RefList): boolean {
  const tips = new Set(source.refs.values());
  for (const oid of mirror.refs.values()) if (tips.has(oid)) return true;
  return false;
}

function planChanges(source: RefList, mirror: RefList, skipped: SkippedRef[]): PlannedUpdate[] {
  const changes: PlannedUpdate[] = [];
  for (const [name, next] of source.refs) {
    const old = mirror.refs.get(name);
    if (next === old) continue;
    const ref = name as RefName;
    if (!isRefName(name)) skipped.push({ ref, reason: "illegal" });
    else if (mirror.symbolic.has(name)) skipped.push({ ref, reason: "symbolic" });
    else if (old === undefined) changes.push({ kind: "create", ref, new: next, reason: "missing" });
    else changes.push({ kind: "update", ref, old, new: next, reason: "differs" });
  }
  for (const name of source.symbolic) skipped.push({ ref: name as RefName, reason: "symbolic" });
  return changes;
}

function planDeletions(source: RefList, mirror: RefList, skipped: SkippedRef[]): Deletion[] {
  const deletions: Deletion[] = [];
  for (const [name, old] of mirror.refs) {
    if (source.refs.has(name) || source.symbolic.has(name)) continue;
    const ref = name as RefName;
    if (isRefName(name)) deletions.push({ kind: "delete", ref, old });
    else skipped.push({ ref, reason: "illegal", old });
  }
  for (const name of mirror.symbolic) {
    if (!source.refs.has(name) && !source.symbolic.has(name))
      skipped.push({ ref: name as RefName, reason: "symbolic" });
  }
  return deletions;
}

function guardDeletions(
  input: FullPlanInput,
  deletions: Deletion[],
): { held: boolean; approved: boolean; digest: Digest } {
  if (deletions.length === 0) return { held: false, approved: false, digest: "" };
  const digest = deletionsDigest(deletions);
  if (input.allowDeletes === digest) return { held: false, approved: true, digest };
  const held = holdsDeletions({
    deletions: deletions.length,
    managed: input.mirror.refs.size,
    sourceIsEmpty: input.source.refs.size === 0,
    sourceHasHead: input.source.head !== undefined,
    limits: input.limits,
  });
  return { held, approved: false, digest };
}

function finish(
  scope: "full" | "narrow",
  updates: PlannedUpdate[],
  skipped: SkippedRef[],
  source: RefList,
  mirror: RefList,
): Plan {
  const wants = updates.length === 0 ? [] : chooseWants(updates, mirror);
  const haves = wants.length === 0 ? [] : chooseHaves(updates, mirror, source);
  return { scope, updates, wants, haves, skipped, engine: "relay" };
}

function byRef(one: { ref: RefName }, other: { ref: RefName }): number {
  return one.ref < other.ref ? -1 : one.ref > other.ref ? 1 : 0;
}
