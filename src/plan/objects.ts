// Which objects to ask the source for (wants) and which the mirror has (haves).
import type { Oid } from "../model/oid.ts";
import type { RefList } from "../model/ref-list.ts";
import type { RefUpdate } from "../model/report.ts";

/** Each have more costs the source's CPU, and 64 give the same pack as 100,000 (reference measurement, docs/protocol.md). */
export const HAVES_MAX = 64;

/** The tips that the mirror lacks. */
export function chooseWants(updates: readonly RefUpdate[], mirror: RefList): Oid[] {
  const wanted = new Set<Oid>();
  for (const update of updates) if (update.kind !== "delete") wanted.add(update.new);
  if (mirror.head !== undefined) wanted.delete(mirror.head);
  // The mirror's refs may be far more than what is wanted: one pass over them, no second set of them.
  for (const oid of mirror.refs.values()) {
    if (wanted.size === 0) break;
    wanted.delete(oid);
  }
  return [...wanted];
}

/**
 * Only what the mirror itself advertised: old values of the changed refs first, then its HEAD, then branch tips, those
 * that the source shows too before the others (an unknown have is ignored and would waste its place).
 */
export function chooseHaves(updates: readonly RefUpdate[], mirror: RefList, source: RefList): Oid[] {
  const haves = new Set<Oid>();
  const add = (oid: Oid): boolean => haves.size < HAVES_MAX && haves.add(oid).size < HAVES_MAX;
  for (const update of updates) if (update.kind === "update" && !add(update.old)) return [...haves];
  if (mirror.head !== undefined) add(mirror.head);
  const branches = [...mirror.refs].filter(([name]) => name.startsWith("refs/heads/"));
  for (const [name, oid] of branches) if (source.refs.get(name) === oid && !add(oid)) return [...haves];
  for (const [, oid] of branches) if (!add(oid)) return [...haves];
  return [...haves];
}
