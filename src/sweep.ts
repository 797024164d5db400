// The sweep (design rule 12): compares every repository with its mirrors and makes a job only where they differ.
import { randomUUID } from "node:crypto";
import { type Config, findCollisions, type MirrorConfig, mirrorsOf } from "./config.ts";
import { isExactPattern } from "./config-fields.ts";
import { METRICS } from "./contract.ts";
import { type ErrorSummary, MirrorError, summarizeError } from "./errors.ts";
import { isForsaken } from "./lane-health.ts";
import type { Instant } from "./model/job.ts";
import type { MirrorName, RepositoryName } from "./model/repository.ts";
import type { Clock, Log, Metrics, Queue, StatusStore, SweepCursor } from "./ports.ts";
import type { Mirror } from "./remote/mirror.ts";
import type { Source } from "./remote/source.ts";
import { changeRepository } from "./status-changes.ts";
import { compareRepository, FAULTS_MAX, type SweepRun } from "./sweep-repository.ts";

export type SweepPorts = {
  config: Config;
  queue: Queue;
  metrics: Metrics;
  log: Log;
  clock: Clock;
  status: StatusStore;
  /** One page of names at a time, to the end or an error. */
  listProjects(): AsyncIterable<RepositoryName[]>;
  openSource(repository: RepositoryName, signal: AbortSignal): Promise<Source>;
  openMirror(mirror: MirrorConfig, repository: RepositoryName, signal: AbortSignal): Promise<Mirror>;
};

export type SweepSummary = {
  run: string;
  /** False: the time was over; the next sweep goes on from here. */
  finished: boolean;
  repositories: number;
  equal: number;
  enqueued: { mirror: MirrorName; repository: RepositoryName }[];
  /** Repositories that Gerrit no longer lists. */
  gone: RepositoryName[];
  /** Lanes that were left out, and why. */
  skippedLanes: { mirror: MirrorName; reason: string }[];
  errors: { repository?: RepositoryName; mirror?: MirrorName; error: ErrorSummary }[];
};

/** Repositories compared between two looks at the clock and writes of the cursor. */
const STRIDE = 32;

/** `only`: one lane. `until`: when to stop; the cursor then says where to go on. Throws `queue-refused`. */
export async function sweep(
  ports: SweepPorts,
  options: { only?: MirrorName; until: () => Instant },
): Promise<SweepSummary> {
  const cursor = options.only === undefined ? await beginCursor(ports) : { run: randomUUID() };
  const summary: SweepSummary = {
    run: cursor.run,
    finished: false,
    repositories: 0,
    equal: 0,
    enqueued: [],
    gone: [],
    skippedLanes: [],
    errors: [],
  };
  const run: SweepRun = {
    ports,
    summary,
    faults: new Map(),
    sourceFaults: 0,
    forsaken: new Set(),
    ...(options.only === undefined ? {} : { only: options.only }),
  };
  await skipLanesDown(run);
  const names = await namesToSweep(run);
  const left = names.filter((name) => cursor.after === undefined || name > cursor.after);
  for (let offset = 0; offset < left.length; offset += STRIDE) {
    if (ports.clock() >= options.until()) break;
    const stride = left.slice(offset, offset + STRIDE);
    let after: RepositoryName | undefined;
    await inTurns(stride, ports.config.source.concurrency, async (name) => {
      if (ports.clock() >= options.until()) return;
      // Begun in order and all ended with the stride: the last one begun is where the next sweep goes on.
      after = name;
      await compareRepository(run, name);
    });
    // The source is out of reach: what was not compared is not passed over.
    if (run.sourceFaults >= FAULTS_MAX) break;
    summary.finished = after === left.at(-1);
    if (options.only === undefined && after !== undefined) await ports.status.writeCursor({ run: cursor.run, after });
  }
  if (left.length === 0) summary.finished = true;
  if (summary.finished && options.only === undefined)
    await ports.status.writeCursor({ run: cursor.run, endedAt: ports.clock() });
  report(ports, summary);
  return summary;
}

async function beginCursor(ports: SweepPorts): Promise<SweepCursor> {
  const last = await ports.status.readCursor();
  // A run id of its own each time: within five minutes SQS would drop a second job under the first one's id.
  const after = last?.endedAt === undefined ? last?.after : undefined;
  return { run: randomUUID(), ...(after === undefined ? {} : { after }) };
}

async function skipLanesDown({ ports, summary, only, forsaken }: SweepRun): Promise<void> {
  for (const { name } of ports.config.mirrors) {
    if (only !== undefined && name !== only) continue;
    const lane = await ports.status.readLane(name);
    if (lane === undefined || lane.state === "up") continue;
    if (isForsaken(lane, ports.clock())) forsaken.add(name);
    else summary.skippedLanes.push({ mirror: name, reason: `the lane is ${lane.state}` });
  }
}

/** Sorted, so that the cursor has an order to go by. */
async function namesToSweep(run: SweepRun): Promise<RepositoryName[]> {
  const { ports, summary } = run;
  const { config } = ports;
  const listed = await listAll(run);
  if (listed !== undefined) await markGone(run, listed);
  const wanted = (listed ?? (await knownNames(ports))).filter((name) => mirrorsOf(config, name).length > 0);
  const refused = new Set<RepositoryName>();
  for (const { mirror, url, repositories } of findCollisions(config, wanted)) {
    for (const name of repositories) refused.add(name);
    const message = `${repositories.join(" and ")} would both be mirrored to ${url}; none of them is.`;
    summary.errors.push({ mirror, error: summarizeError(new MirrorError("invalid-configuration", message)) });
  }
  return wanted.filter((name) => !refused.has(name)).sort();
}

/** Undefined when Gerrit could not be listed to the end, or lists nothing. */
async function listAll({ ports, summary }: SweepRun): Promise<RepositoryName[] | undefined> {
  const names = new Set<RepositoryName>();
  try {
    for await (const page of ports.listProjects()) for (const name of page) names.add(name);
    if (names.size > 0) return [...names];
    // A site without projects is rare; an account that lost its permissions sees the same.
    throw new MirrorError("forbidden", "Gerrit lists no project at all to this account.", { side: "source" });
  } catch (error) {
    summary.errors.push({ error: summarizeError(MirrorError.from(error)) });
    return undefined;
  }
}

/** Without Gerrit's list: what the configuration names exactly, and what was mirrored before. */
async function knownNames({ config, status }: SweepPorts): Promise<RepositoryName[]> {
  const patterns = [...config.repositories, ...config.mirrors.flatMap(({ repositories }) => repositories)];
  const exact = patterns.map(({ text }) => text).filter(isExactPattern) as RepositoryName[];
  const known = (await status.listRepositories())
    .filter(({ state }) => state !== "gone")
    .map(({ repository }) => repository);
  return [...new Set([...exact, ...known])];
}

/** A deleted project sends no event at all. Its mirror is left alone; one notice. */
async function markGone({ ports, summary }: SweepRun, listed: readonly RepositoryName[]): Promise<void> {
  const present = new Set(listed);
  for (const item of await ports.status.listRepositories()) {
    if (present.has(item.repository) || item.state === "gone" || item.state === "paused") continue;
    const error = summarizeError(
      new MirrorError("gone", `Gerrit no longer lists the project "${item.repository}" to this account.`, {
        remedy:
          "See in Gerrit whether the project was deleted or renamed, is hidden, or only cannot be read by this account any more; its mirror was left alone.",
      }),
    );
    await changeRepository(
      ports.status,
      item,
      (status) => status && { ...status, state: "gone", since: ports.clock(), error },
    );
    ports.log("warn", "repository gone from Gerrit", { mirror: item.mirror, repository: item.repository, error });
    if (!summary.gone.includes(item.repository)) summary.gone.push(item.repository);
  }
}

async function inTurns<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function report({ metrics, log }: SweepPorts, summary: SweepSummary): void {
  metrics.add(METRICS.sweepRepositories, summary.repositories, "Count");
  metrics.add(METRICS.sweepDrift, summary.enqueued.length, "Count");
  const { errors, enqueued, ...rest } = summary;
  const level = errors.length === 0 && summary.skippedLanes.length === 0 ? "info" : "warn";
  log(level, "sweep", { ...rest, enqueued: enqueued.length, errors: errors.slice(0, 10), errorCount: errors.length });
}
