// A plan for people and as JSON (design 6.1).
import { displayRef } from "../src/model/ref.ts";
import type { Plan, PlannedUpdate } from "../src/model/report.ts";
import { countOf, printable } from "./format.ts";

type Named = { repository: string; mirror: string };

/** Updates printed for a person; --json has them all. */
const LINES_MAX = 50;

export function planJson(target: Named, plan: Plan): Record<string, unknown> {
  return {
    repository: target.repository,
    mirror: target.mirror,
    engine: plan.engine,
    updates: plan.updates.map((update) => ({
      ref: displayRef(update.ref),
      kind: update.kind,
      old: oldOf(update) ?? null,
      new: newOf(update) ?? null,
      reason: update.reason,
    })),
    skipped: plan.skipped.map(({ ref, reason }) => ({ ref: displayRef(ref), reason })),
    ...(plan.deletions === undefined ? {} : { deletions: plan.deletions }),
  };
}

export function renderPlan(target: Named, plan: Plan): string {
  const head = plan.updates.length === 0 ? "nothing to change" : `${countOf(plan.updates.length, "ref")} would move`;
  const lines = [`${printable(`${target.repository} -> ${target.mirror}`)}: ${head}`];
  for (const update of plan.updates.slice(0, LINES_MAX)) {
    lines.push(
      printable(
        `  ${update.kind} ${displayRef(update.ref)} ${short(oldOf(update))} -> ${short(newOf(update))} (${update.reason})`,
      ),
    );
  }
  if (plan.updates.length > LINES_MAX)
    lines.push(`  ... and ${plan.updates.length - LINES_MAX} more (--json lists all)`);
  for (const { ref, reason } of plan.skipped.slice(0, LINES_MAX))
    lines.push(printable(`  left alone: ${displayRef(ref)} (${reason})`));
  if (plan.deletions?.held === true) {
    lines.push(
      `  ${countOf(plan.deletions.count, "deletion")} held; to approve: mirror ... --allow-deletes ${plan.deletions.digest}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function oldOf(update: PlannedUpdate): string | undefined {
  return update.kind === "create" ? undefined : update.old;
}

function newOf(update: PlannedUpdate): string | undefined {
  return update.kind === "delete" ? undefined : update.new;
}

function short(oid: string | undefined): string {
  return oid?.slice(0, 10) ?? "none";
}
