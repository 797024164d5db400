// What each side is asked for: everything managed, or only what a job named (design rule 15).
import type { NamedRef } from "../model/job.ts";
import type { Pattern } from "../model/pattern.ts";
import type { RefUpdate } from "../model/report.ts";
import { leadingPaths } from "./conflicts.ts";
import { managedPrefixes, managesRef } from "./ref-patterns.ts";

/** As a side's `readRefs` takes it. */
export type Reading = { prefixes: readonly string[]; keep: (name: string) => boolean };

/** Above this many names, one list of everything managed is cheaper than asking for each. */
export const NAMED_READ_MAX = 200;

export function readManaged(managed: readonly Pattern[]): Reading {
  return { prefixes: ["HEAD", ...managedPrefixes(managed)], keep: (name) => managesRef(managed, name) };
}

export function readNamedAtSource(named: readonly NamedRef[]): Reading {
  return readExactly(named.map(({ ref }) => ref));
}

/**
 * At the mirror also what lies below each name (a directory/file conflict), and HEAD, a base for new refs. Leading
 * paths are not asked for: as prefixes they would list whole directories (docs/decisions/0002-leading-paths.md).
 */
export function readNamedAtMirror(named: readonly NamedRef[]): Reading {
  const names = new Set<string>(named.map(({ ref }) => ref));
  return {
    prefixes: ["HEAD", ...names],
    keep: (name) => names.has(name) || leadingPaths(name).some((path) => names.has(path)),
  };
}

/** The refs of these updates, for the second look and for reading back. */
export function readUpdated(updates: readonly RefUpdate[], managed: readonly Pattern[]): Reading {
  const exact = readExactly(updates.map(({ ref }) => ref));
  return updates.length <= NAMED_READ_MAX ? exact : { prefixes: managedPrefixes(managed), keep: exact.keep };
}

/** Branch tips, when a pack turns out to lack a base. */
export const READ_HEADS: Reading = { prefixes: ["refs/heads/"], keep: (name) => name.startsWith("refs/heads/") };

function readExactly(refs: readonly string[]): Reading {
  const names = new Set(refs);
  return { prefixes: [...names], keep: (name) => names.has(name) };
}
