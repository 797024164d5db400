// What became of an update: judged by what the mirror shows afterwards, with its report only as a hint of the reason.
import type { Oid } from "../model/oid.ts";
import type { CommandResult, RefUpdate } from "../model/report.ts";

export type Verdict =
  | { kind: "applied" }
  /** Someone else moved the ref: read again, plan again. */
  | { kind: "moved"; reason: string }
  /** Refused with words that a directory/file conflict or a lock also has: worth one more plan over everything. */
  | { kind: "conflict"; reason: string }
  | { kind: "rejected"; reason: string }
  /** The mirror said ok and shows the old value. */
  | { kind: "unproven"; reason: string }
  /** The report has no line for the ref. */
  | { kind: "unanswered"; reason: string };

/** One for all: a first mirror has it 100,000 times. */
const APPLIED: Verdict = { kind: "applied" };

/** `shown`: the ref's value at the mirror when it was read back. */
export function judgeUpdate(update: RefUpdate, shown: Oid | undefined, result: CommandResult | undefined): Verdict {
  const target = update.kind === "delete" ? undefined : update.new;
  const old = update.kind === "create" ? undefined : update.old;
  if (shown === target) return APPLIED;
  if (shown !== old) return { kind: "moved", reason: `the mirror shows ${shown ?? "no such ref"}` };
  if (result === undefined) return { kind: "unanswered", reason: "the mirror's report says nothing of it" };
  if (result.ok) return { kind: "unproven", reason: `the mirror said ok and shows ${shown ?? "no such ref"}` };
  return { kind: isConflict(result.reason) ? "conflict" : "rejected", reason: result.reason };
}

/**
 * git says the same words for a stale value, an existing ref and a directory/file conflict (refs/files-backend.c; texts
 * of newer git, JGit and GitHub in reference/hosts.md 3.1).
 */
const CONFLICT =
  /failed to (?:update|lock|delete)|cannot lock ref|cannot create|already exists|does not exist|incorrect old value|invalid old id|stale info|reference conflict|refname conflict|transaction/i;

export function isConflict(reason: string): boolean {
  return CONFLICT.test(reason);
}

/** Refs whose names the host printed: the likely culprits when it refuses a whole push. Full names win over short ones. */
export function refsNamed(updates: readonly RefUpdate[], text: string): RefUpdate[] {
  const bytes = Buffer.from(text, "utf8").toString("latin1");
  const named = updates.filter(({ ref }) => isNamed(bytes, ref));
  return named.length > 0
    ? named
    : updates.filter(({ ref }) => isNamed(bytes, ref.replace(/^refs\/(?:heads|tags)\//, "")));
}

function isNamed(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    const before = text.charAt(at - 1);
    const after = text.slice(at + name.length, at + name.length + 2);
    // A full stop may end a sentence; a letter or slash makes it another name.
    if (!/[\w/.-]/.test(before) && !/^(?:[\w/-]|\.\w)/.test(after)) return true;
  }
  return false;
}
