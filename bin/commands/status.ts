// `gerrit-mirror status`: what is equal, what is not, since when and why; from the running service.
import type { LaneStatus, RepositoryStatus } from "../../src/ports.ts";
import { COMMON_OPTIONS, parseWords } from "../arguments.ts";
import { type Environment, EXIT_EQUAL, EXIT_NOT_EQUAL } from "../exit-codes.ts";
import { formatSeconds, printable } from "../format.ts";
import { askOperator } from "../operator-client.ts";

export const help = `gerrit-mirror status [REPOSITORY] [--local URL]

What is equal, what is not, since when and why. Exit code 1 when something is not equal.

  --local URL     the running \`npm start\` (default: the one of the configuration file's folder)
  --config FILE   default mirror.config.json
  --json          one JSON document on stdout; times are ISO 8601, lag is in milliseconds
`;

type Stored = { totals: Record<string, number>; lanes: LaneStatus[]; repositories: RepositoryStatus[] };

const LINES_MAX = 200;

export async function run(words: string[], env: Environment): Promise<number> {
  const { values, positionals } = parseWords(words, COMMON_OPTIONS);
  const [repository] = positionals;
  const query = repository === undefined ? "" : `?repository=${encodeURIComponent(repository)}`;
  const stored = (await askOperator(values, env, "GET", `/status${query}`)) as Stored;
  process.stdout.write(values.json ? `${JSON.stringify(statusJson(stored))}\n` : renderStatus(stored));
  const isEqual =
    stored.lanes.every(({ state }) => state === "up") && stored.repositories.every(({ state }) => state === "equal");
  const isKnown = repository === undefined || stored.repositories.length > 0;
  return isEqual && isKnown ? EXIT_EQUAL : EXIT_NOT_EQUAL;
}

/** The shape of design 6.1. */
export function statusJson({ totals, lanes, repositories }: Stored): Record<string, unknown> {
  return {
    totals,
    lanes: lanes.map(({ mirror, state, since, error }) => ({
      mirror,
      state,
      since: isoTime(since),
      ...(error === undefined ? {} : { error }),
    })),
    repositories: repositories.map(({ repository, mirror, state, since, lagMs, error, letter }) => ({
      repository,
      mirror,
      state,
      since: isoTime(since),
      lag: lagMs ?? null,
      ...(error === undefined ? {} : { error }),
      ...(letter === undefined ? {} : { letter: { id: letter.id, at: isoTime(letter.at) } }),
    })),
  };
}

/** Totals first, then trouble, then what is well. */
export function renderStatus({ totals, lanes, repositories }: Stored): string {
  const counts = Object.entries(totals).map(([state, count]) => `${count} ${state}`);
  const lines = [counts.length === 0 ? "nothing is known yet: no job has ended" : counts.join(", ")];
  for (const { mirror, state, since, error } of lanes) {
    if (state !== "up")
      lines.push(
        printable(`lane ${mirror} is ${state} since ${isoTime(since)}: ${error?.message ?? ""}`),
        ...remedyLine(error?.remedy),
      );
  }
  const sorted = repositories.toSorted((one, other) => Number(one.state === "equal") - Number(other.state === "equal"));
  for (const { repository, mirror, state, since, lagMs, error } of sorted.slice(0, LINES_MAX)) {
    const lag = lagMs === undefined ? "" : `, last event's lag ${formatSeconds(lagMs)}`;
    lines.push(printable(`${state.padEnd(8)} ${repository} -> ${mirror} since ${isoTime(since)}${lag}`));
    if (error !== undefined && state !== "equal")
      lines.push(printable(`  ${error.code}: ${error.message}`), ...remedyLine(error.remedy));
  }
  if (sorted.length > LINES_MAX) lines.push(`... and ${sorted.length - LINES_MAX} more (--json lists all)`);
  return `${lines.join("\n")}\n`;
}

function remedyLine(remedy: string | undefined): string[] {
  return remedy === undefined ? [] : [printable(`  what to do: ${remedy}`)];
}

function isoTime(instant: number): string {
  return new Date(instant).toISOString();
}
