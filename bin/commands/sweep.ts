// `gerrit-mirror sweep`: compares everything now and enqueues what differs, in the running service.
import type { SweepSummary } from "../../src/sweep.ts";
import { COMMON_OPTIONS, parseWords } from "../arguments.ts";
import { type Environment, EXIT_EQUAL, EXIT_NOT_EQUAL } from "../exit-codes.ts";
import { countOf, printable } from "../format.ts";
import { askOperator } from "../operator-client.ts";

export const help = `gerrit-mirror sweep [--mirror NAME] [--local URL]

Compares every repository with its mirrors now and makes a job where they differ. Exit code 0 when all were equal.

  --mirror NAME   only this mirror
  --local URL     the running \`npm start\` (default: the one of the configuration file's folder)
  --config FILE   default mirror.config.json
  --json          one JSON document on stdout
`;

const LINES_MAX = 50;

export async function run(words: string[], env: Environment): Promise<number> {
  const { values } = parseWords(words, { ...COMMON_OPTIONS, mirror: { type: "string" } });
  const query = values.mirror === undefined ? "" : `?mirror=${encodeURIComponent(values.mirror)}`;
  const summary = (await askOperator(values, env, "POST", `/sweep${query}`)) as SweepSummary;
  process.stdout.write(values.json ? `${JSON.stringify(summary)}\n` : renderSweep(summary));
  const isEqual =
    summary.finished &&
    summary.enqueued.length === 0 &&
    summary.errors.length === 0 &&
    summary.skippedLanes.length === 0;
  return isEqual ? EXIT_EQUAL : EXIT_NOT_EQUAL;
}

export function renderSweep(summary: SweepSummary): string {
  const { repositories, equal, enqueued, gone, skippedLanes, errors, finished } = summary;
  const lines = [
    `${countOf(repositories, "repository").replace(/ys$/, "ies")} compared: ${countOf(equal, "mirror")} equal, ${countOf(enqueued.length, "job")} made${finished ? "" : "; the time ended, the next sweep goes on"}`,
  ];
  for (const { mirror, repository } of enqueued.slice(0, LINES_MAX))
    lines.push(printable(`  differs: ${repository} -> ${mirror}`));
  for (const repository of gone) lines.push(printable(`  gone from Gerrit, mirror left alone: ${repository}`));
  for (const { mirror, reason } of skippedLanes) lines.push(printable(`  left out: ${mirror}: ${reason}`));
  for (const { repository, mirror, error } of errors.slice(0, LINES_MAX)) {
    lines.push(
      printable(`  error: ${[repository, mirror].filter(Boolean).join(" -> ")} ${error.code}: ${error.message}`),
      printable(`    what to do: ${error.remedy}`),
    );
  }
  return `${lines.join("\n")}\n`;
}
