// The measurements as a table for the terminal and as docs/bench.md.
import { cpus } from "node:os";

export type Line = { title: string; ours: string; native: string; value: string; limit: string; ok: boolean };

const HEAD = ["work", "ours", "native git", "measured", "limit", ""] as const;

export function renderLines(lines: readonly Line[]): string {
  const rows = [HEAD, ...lines.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}\n`).join("");
}

export function renderDocument(lines: readonly Line[], gitVersion: string): string {
  const [{ model } = { model: "unknown" }] = cpus();
  const table = [[...HEAD], HEAD.map(() => "---"), ...lines.map(cellsOf)].map((row) => `| ${row.join(" | ")} |`);
  return `# Measurements

Made by \`npm run bench -- --write\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores (${model.trim()}), Node ${process.versions.node}, ${gitVersion},
\`git http-backend\` on the same machine. Wall time of whole processes, in turn with the installed git on the same servers, medians; in brackets
the least and the greatest ratio of the pairs. Native git is \`git fetch --prune\` and \`git push --mirror\` in a warm clone, for first mirrors
\`git clone --mirror\` and \`git push --mirror\`. The service is measured from the event's POST to the moved ref of the mirror.
Memory is the peak resident set in 10^6 bytes.

${table.join("\n")}
`;
}

function cellsOf({ title, ours, native, value, limit, ok }: Line): string[] {
  return [title, ours, native, value, limit, ok ? "ok" : "over"];
}
