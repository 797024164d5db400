// A report for people and as JSON (design 6.1).
import { displayRef } from "../src/model/ref.ts";
import type { RefReport, Report } from "../src/model/report.ts";
import { countOf, formatBytes, formatSeconds, printable } from "./format.ts";

type Named = { repository: string; mirror: string };

/** Refs printed for a person; --json has them all. */
const LINES_MAX = 50;

/** Refs turned into JSON at a time: 100,000 at once would take as much memory as everything before. */
const REFS_AT_ONCE = 1_000;

/** The document in pieces, to be written one after the other. */
export function* reportJson(target: Named, report: Report): Generator<string> {
  const { outcome, engine, refs, deletions, bytes, requests, milliseconds, error } = report;
  const head = JSON.stringify({ repository: target.repository, mirror: target.mirror, outcome, engine });
  yield `${head.slice(0, -1)},"refs":[`;
  for (let offset = 0; offset < refs.length; offset += REFS_AT_ONCE) {
    const some = refs.slice(offset, offset + REFS_AT_ONCE).map((ref) => JSON.stringify(refJson(ref)));
    yield `${offset === 0 ? "" : ","}${some.join(",")}`;
  }
  const tail = JSON.stringify({
    ...(deletions === undefined ? {} : { deletions }),
    bytes,
    requests,
    milliseconds,
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message, remedy: error.remedy } }),
  });
  yield `],${tail.slice(1)}`;
}

function refJson({ ref, kind, old, new: next, outcome, reason }: RefReport): Record<string, unknown> {
  return { ref: displayRef(ref), kind, old: old ?? null, new: next ?? null, outcome, reason };
}

export function renderReport(target: Named, report: Report): string {
  const applied = report.refs.filter(({ outcome }) => outcome === "applied").length;
  const moved =
    applied === 0 ? "nothing had to move" : `${countOf(applied, "ref")} moved, ${formatBytes(report.bytes.sent)} sent`;
  const proof = report.outcome === "equal" ? "equal, read back from both sides" : report.outcome;
  const lines = [
    `${printable(`${target.repository} -> ${target.mirror}`)}: ${proof} (${moved}, ${formatSeconds(report.milliseconds)})`,
  ];
  for (const ref of report.refs.slice(0, LINES_MAX)) lines.push(`  ${printable(renderRef(ref))}`);
  if (report.refs.length > LINES_MAX) lines.push(`  ... and ${report.refs.length - LINES_MAX} more (--json lists all)`);
  if (report.error !== undefined)
    lines.push(
      `  ${report.error.code}: ${printable(report.error.message)}`,
      `  what to do: ${printable(report.error.remedy)}`,
    );
  return `${lines.join("\n")}\n`;
}

function renderRef({ ref, kind, old, new: next, outcome, reason }: RefReport): string {
  const short = (oid: string | undefined): string => oid?.slice(0, 10) ?? "none";
  return `${outcome.padEnd(8)} ${kind} ${displayRef(ref)} ${short(old)} -> ${short(next)} (${reason})`;
}
