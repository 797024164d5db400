// A digest of what still differs, so that the same difference makes no second dead letter.
import { createHash } from "node:crypto";
import type { Plan } from "../model/report.ts";

/** Equal digests mean: the same refs, to be moved or held, with the same values on both sides. `isDone` leaves refs out. */
export function differenceOf(plan: Plan, isDone: (ref: string) => boolean = () => false): string {
  const held = plan.skipped.filter(({ reason }) => reason === "guarded" || reason === "blocked");
  const open: { ref: string; old?: string; new?: string }[] = [...plan.updates, ...held];
  const lines = open
    .filter(({ ref }) => !isDone(ref))
    .map(({ ref, old, new: next }) => `${old ?? "-"} ${next ?? "-"} ${ref}\n`);
  return createHash("sha256").update(lines.sort().join(""), "latin1").digest("hex");
}
