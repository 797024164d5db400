// The deletion guard (design rule 7): a lost READ permission looks exactly like a deletion, so many at once are held.
import { createHash } from "node:crypto";
import type { Digest } from "../model/job.ts";
import type { RefUpdate } from "../model/report.ts";

export type GuardLimits = {
  /** Fewer unannounced deletions than this are let through, whatever share they are. */
  deletionsMin: number;
  /** More than this share of the managed refs, in percent, is held. */
  percent: number;
  /** More than this many are held. */
  deletionsMax: number;
};

export const DEFAULT_GUARD: GuardLimits = { deletionsMin: 3, percent: 20, deletionsMax: 100 };

export type Deletion = Extract<RefUpdate, { kind: "delete" }>;

/** SHA-256 over the sorted lines `oid SP ref LF`: names exactly this set of deletions. */
export function deletionsDigest(deletions: readonly Deletion[]): Digest {
  const lines = deletions.map((deletion) => `${deletion.old} ${deletion.ref}\n`).sort();
  return createHash("sha256").update(lines.join(""), "latin1").digest("hex");
}

/** Whether so many unannounced deletions are held back. `managed`: how many managed refs the mirror has. */
export function holdsDeletions(input: {
  deletions: number;
  managed: number;
  sourceIsEmpty: boolean;
  sourceHasHead: boolean;
  limits: GuardLimits;
}): boolean {
  const { deletions, managed, limits } = input;
  if (deletions === 0) return false;
  if (input.sourceIsEmpty || !input.sourceHasHead) return true;
  if (deletions > limits.deletionsMax) return true;
  return deletions >= limits.deletionsMin && deletions * 100 > managed * limits.percent;
}
