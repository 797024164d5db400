// Ref lists, updates and named refs in short: one letter stands for the oid of forty of it.
import type { NamedRef } from "../../src/model/job.ts";
import type { Oid } from "../../src/model/oid.ts";
import type { RefName } from "../../src/model/ref.ts";
import type { RefList } from "../../src/model/ref-list.ts";
import type { RefUpdate } from "../../src/model/report.ts";
import { DEFAULT_GUARD } from "../../src/plan/guard.ts";
import { type FullPlanInput, planFull } from "../../src/plan/plan.ts";

export function oid(letter: string): Oid {
  return letter.repeat(40) as Oid;
}

/** A number as an oid, for many different ones. */
export function oidOf(number: number): Oid {
  return (number + 1).toString(16).padStart(40, "0") as Oid;
}

/** Short names are branches. */
export function refName(name: string): RefName {
  return (name.startsWith("refs/") ? name : `refs/heads/${name}`) as RefName;
}

/** `{ main: "a" }`; HEAD is "f" unless given, and missing when it is "". */
export function refList(
  refs: Readonly<Record<string, string>>,
  options: { head?: string; symbolic?: readonly string[] } = {},
): RefList {
  const { head = "f", symbolic = [] } = options;
  return {
    refs: new Map(Object.entries(refs).map(([name, letter]) => [refName(name), oid(letter)])),
    symbolic: new Set(symbolic.map(refName)),
    ...(head === "" ? {} : { head: oid(head) }),
  };
}

/** Many branches of different values, `first` to `last`. */
export function manyRefs(first: number, last: number): RefList {
  const entries: [string, Oid][] = [];
  for (let number = first; number <= last; number++) entries.push([refName(`branch-${number}`), oidOf(number)]);
  return { refs: new Map(entries), symbolic: new Set(), head: oid("f") };
}

export function create(name: string, next: string): RefUpdate {
  return { kind: "create", ref: refName(name), new: oid(next) };
}

export function update(name: string, old: string, next: string): RefUpdate {
  return { kind: "update", ref: refName(name), old: oid(old), new: oid(next) };
}

export function remove(name: string, old: string): Extract<RefUpdate, { kind: "delete" }> {
  return { kind: "delete", ref: refName(name), old: oid(old) };
}

export function named(name: string, deleted = false, old?: string): NamedRef {
  return { ref: refName(name), deleted, ...(old === undefined ? {} : { old: oid(old) }) };
}

/** A full plan with the default limits and nothing announced, unless given. */
export function fullPlan(source: RefList, mirror: RefList, more: Partial<FullPlanInput> = {}) {
  return planFull({ source, mirror, announced: new Set(), limits: DEFAULT_GUARD, ...more });
}
