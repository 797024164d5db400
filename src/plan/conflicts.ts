// Directory/file conflicts: a host that stores refs as files cannot hold `a` and `a/b` at once.
import type { RefName } from "../model/ref.ts";
import type { RefList } from "../model/ref-list.ts";
import type { RefUpdate } from "../model/report.ts";
import type { Deletion } from "./guard.ts";

/** Creates that cannot pass while the held deletions' refs stay: `a/b` beside a held `a`, and `a` beside a held `a/b`. */
export function blockedByHeld(changes: readonly RefUpdate[], held: readonly Deletion[]): Set<RefName> {
  const names = new Set<string>(held.map(({ ref }) => ref));
  const parents = new Set<string>();
  for (const name of names) for (const parent of leadingPaths(name)) parents.add(parent);
  const blocked = new Set<RefName>();
  for (const { kind, ref } of changes) {
    if (kind === "create" && (parents.has(ref) || leadingPaths(ref).some((parent) => names.has(parent))))
      blocked.add(ref);
  }
  return blocked;
}

/** Whether a ref is to be created where the mirror has refs below its name that this plan does not delete. */
export function conflictsBelow(updates: readonly RefUpdate[], mirror: RefList): boolean {
  const creates = new Set<string>(updates.filter(({ kind }) => kind === "create").map(({ ref }) => ref));
  if (creates.size === 0) return false;
  const deleted = new Set<string>(updates.filter(({ kind }) => kind === "delete").map(({ ref }) => ref));
  for (const name of mirror.refs.keys()) {
    if (!deleted.has(name) && leadingPaths(name).some((parent) => creates.has(parent))) return true;
  }
  return false;
}

/** `refs/heads/a/b` -> `refs/heads`, `refs/heads/a`. */
export function leadingPaths(name: string): string[] {
  const paths: string[] = [];
  for (let slash = name.indexOf("/", 5); slash !== -1; slash = name.indexOf("/", slash + 1))
    paths.push(name.slice(0, slash));
  return paths;
}
