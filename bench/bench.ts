// `npm run bench [-- NAME... --check --write]`: times and memory in turn with the installed git on the same servers.
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { git } from "../test/support/git.ts";
import { ratioOf, spreadOf } from "./measure.ts";
import { type Line, renderDocument, renderLines } from "./render.ts";
import { ROWS, type Row } from "./rows.ts";
import { SERVICE_ROWS } from "./service.ts";
import { openSite } from "./site.ts";

const DOCUMENT = fileURLToPath(new URL("../docs/bench.md", import.meta.url));

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { check: { type: "boolean", default: false }, write: { type: "boolean", default: false } },
});
const all: readonly Row[] = [...ROWS, ...SERVICE_ROWS];
const unknown = names.find((name) => !all.some((row) => row.name === name));
if (unknown !== undefined) {
  process.stderr.write(`There is no row "${unknown}"; there are ${all.map(({ name }) => name).join(", ")}.\n`);
  process.exit(2);
}
const chosen = all.filter(({ name, optional }) => (names.length === 0 ? optional !== true : names.includes(name)));
const lines: Line[] = [];
for (const row of chosen) {
  process.stderr.write(`${row.title} ...\n`);
  const measured = await measureRow(row);
  lines.push(...measured);
  process.stderr.write(renderLines(measured));
}
process.stdout.write(`\n${renderLines(lines)}`);
if (flags.write) {
  const version = (await git(["version"])).toString().trim();
  await writeFile(DOCUMENT, renderDocument(lines, version));
}
if (flags.check && lines.some(({ ok }) => !ok)) process.exitCode = 1;

/** A time has two lines: its own and that of the memory it took. */
async function measureRow(row: Row): Promise<Line[]> {
  await using site = await openSite();
  if (row.kind === "memory") return [memoryLine(row.title, await row.measure(site), row.limit)];
  const result = await row.measure(site);
  const ratio = ratioOf(result);
  const time: Line = {
    title: row.title,
    ours: seconds(spreadOf(result.ours).median),
    native: seconds(spreadOf(result.native).median),
    value: `${ratio.median.toFixed(2)}x (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})`,
    limit: `${row.limit}x`,
    ok: ratio.median <= row.limit,
  };
  return [time, memoryLine(`${row.title}: peak memory`, result.peak, row.memoryLimit)];
}

function memoryLine(title: string, megabytes: number, limit: number): Line {
  const value = `${megabytes.toFixed(0)} MB`;
  return { title, ours: "", native: "", value, limit: `${limit} MB`, ok: megabytes <= limit };
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(3)} s`;
}
