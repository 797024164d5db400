// One repository of a sweep: the source is read once, each of its mirrors once, and a job is made where they differ.
import { type MirrorConfig, mirrorsOf } from "./config.ts";
import { awaitsPerson, openLetter } from "./dead-letters.ts";
import { faultOf, MirrorError, summarizeError } from "./errors.ts";
import { announceLane, noteJobEnd } from "./lane-health.ts";
import type { Instant } from "./model/job.ts";
import type { RefList } from "./model/ref-list.ts";
import { type MirrorName, messageGroup, type RepositoryName } from "./model/repository.ts";
import { CLOCK_SKEW_MS } from "./plan/coverage.ts";
import { differenceOf } from "./plan/difference.ts";
import { planFull, sharesTip } from "./plan/plan.ts";
import { readManaged } from "./plan/reading.ts";
import { managesRef } from "./plan/ref-patterns.ts";
import { changeRepository } from "./status-changes.ts";
import type { SweepPorts, SweepSummary } from "./sweep.ts";

export type SweepRun = {
  ports: SweepPorts;
  summary: SweepSummary;
  only?: MirrorName;
  /** Lane's faults in a row, by mirror. */
  faults: Map<MirrorName, number>;
  sourceFaults: number;
  /** Lanes that are down and nobody's to probe but the sweep's. */
  forsaken: Set<MirrorName>;
};

/** Reads in a row with a lane's fault after which the lane, or with the source's the whole sweep, is left to the next one. */
export const FAULTS_MAX = 5;

/** One read may take so long; a list of 500,000 refs was seen to take 40 s. Source and mirror fit into the sweep's margin. */
const READ_MS = 50_000;

/** Each read has a limit of its own, so that a slow source is not blamed on the mirror. */
function readLimit(): AbortSignal {
  const limit = new AbortController();
  const reason = new MirrorError("timed-out", `The list did not end within ${READ_MS / 1000} s.`);
  setTimeout(() => limit.abort(reason), READ_MS).unref();
  return limit.signal;
}

/** Never throws but `queue-refused`: what goes wrong is in the summary. */
export async function compareRepository(run: SweepRun, repository: RepositoryName): Promise<void> {
  const { ports, summary } = run;
  const skipped = new Set(summary.skippedLanes.map(({ mirror }) => mirror));
  const lanes = mirrorsOf(ports.config, repository).filter(
    ({ name }) => !skipped.has(name) && (run.only === undefined || name === run.only),
  );
  if (lanes.length === 0 || run.sourceFaults >= FAULTS_MAX) return;
  summary.repositories++;
  const begunAt = ports.clock();
  const source = await readSource(run, repository, lanes);
  if (source instanceof MirrorError) return sourceFailed(run, repository, lanes, source);
  await Promise.all(lanes.map((lane) => compareLane(run, repository, lane, source, begunAt)));
}

async function readSource(
  run: SweepRun,
  repository: RepositoryName,
  lanes: readonly MirrorConfig[],
): Promise<RefList | MirrorError> {
  try {
    const source = await run.ports.openSource(repository, readLimit());
    const list = await source.readRefs(readManaged(lanes.flatMap(({ refs }) => refs)));
    run.sourceFaults = 0;
    return list;
  } catch (error) {
    return MirrorError.from(error);
  }
}

/** A repository's own fault becomes a job, so that it ends as a dead letter with its reason; an outage becomes a report. */
async function sourceFailed(
  run: SweepRun,
  repository: RepositoryName,
  lanes: readonly MirrorConfig[],
  error: MirrorError,
): Promise<void> {
  run.summary.errors.push({ repository, error: summarizeError(error) });
  if (faultOf(error.code) === "lane") run.sourceFaults++;
  else for (const { name } of lanes) await enqueue(run, repository, name, error.code);
}

async function compareLane(
  run: SweepRun,
  repository: RepositoryName,
  lane: MirrorConfig,
  source: RefList,
  begunAt: Instant,
): Promise<void> {
  const { ports, summary } = run;
  let mirrorRefs: RefList;
  try {
    const mirror = await ports.openMirror(lane, repository, readLimit());
    mirrorRefs = await mirror.readRefs(readManaged(lane.refs));
    run.faults.set(lane.name, 0);
    if (run.forsaken.delete(lane.name)) await noteAnswer(run, repository, lane.name);
  } catch (error) {
    return laneFailed(run, repository, lane.name, MirrorError.from(error));
  }
  const plan = planFull({
    source: managedBy(lane, source),
    mirror: mirrorRefs,
    announced: new Set(),
    limits: ports.config.guard,
  });
  const held = plan.skipped.filter(({ reason }) => reason === "guarded" || reason === "blocked");
  if (plan.updates.length === 0 && held.length === 0) {
    summary.equal++;
    await markEqual(run, repository, lane.name, begunAt);
    return;
  }
  const difference = differenceOf(plan);
  const isForeign = mirrorRefs.refs.size > 0 && !sharesTip(managedBy(lane, source), mirrorRefs);
  await enqueue(run, repository, lane.name, difference, ...(isForeign ? ["foreign"] : []));
}

/** A lane that answers again is up: on a quiet site no job would find it out. */
async function noteAnswer(run: SweepRun, repository: RepositoryName, mirror: MirrorName): Promise<void> {
  const { ports } = run;
  const { change } = await noteJobEnd(ports.status, { mirror, repository }, undefined, ports.clock());
  announceLane(ports, mirror, change, undefined);
}

/** The source was read for all lanes together; each has its own patterns. */
function managedBy(lane: MirrorConfig, source: RefList): RefList {
  const refs = new Map([...source.refs].filter(([name]) => managesRef(lane.refs, name)));
  const symbolic = new Set([...source.symbolic].filter((name) => managesRef(lane.refs, name)));
  return { ...source, refs, symbolic };
}

async function laneFailed(
  run: SweepRun,
  repository: RepositoryName,
  mirror: MirrorName,
  error: MirrorError,
): Promise<void> {
  run.summary.errors.push({ repository, mirror, error: summarizeError(error) });
  if (faultOf(error.code) !== "lane") return enqueue(run, repository, mirror, error.code);
  const faults = (run.faults.get(mirror) ?? 0) + 1;
  run.faults.set(mirror, faults);
  if (faults === FAULTS_MAX)
    run.summary.skippedLanes.push({ mirror, reason: `${faults} reads in a row failed: ${error.message}` });
}

/** Rule 6: a full read of both sides that ended equal is what leaves every other state. Written only where something changes. */
async function markEqual(
  run: SweepRun,
  repository: RepositoryName,
  mirror: MirrorName,
  begunAt: Instant,
): Promise<void> {
  const { ports } = run;
  await changeRepository(ports.status, { mirror, repository }, (status) => {
    if (status?.state === "paused") return undefined;
    if (status?.state === "equal" && status.letter === undefined) return undefined;
    // A job that ended meanwhile knows better.
    if (status?.jobEndedAt !== undefined && status.jobEndedAt >= begunAt) return undefined;
    const kept = status?.jobEndedAt === undefined ? {} : { jobEndedAt: status.jobEndedAt };
    const lag = status?.lagMs === undefined ? {} : { lagMs: status.lagMs };
    return {
      mirror,
      repository,
      state: "equal",
      since: ports.clock(),
      attempts: 0,
      coveredUntil: begunAt - CLOCK_SKEW_MS,
      ...kept,
      ...lag,
    };
  });
}

async function enqueue(
  run: SweepRun,
  repository: RepositoryName,
  mirror: MirrorName,
  ...differences: string[]
): Promise<void> {
  const { ports, summary } = run;
  const status = await ports.status.readRepository(mirror, repository);
  const letter = openLetter(status, ports.clock());
  if (status?.state === "paused" || differences.some((difference) => awaitsPerson(letter, difference))) return;
  await ports.queue.send({ mirror, repository, cause: "sweep" }, `${messageGroup(repository)}-${summary.run}`);
  summary.enqueued.push({ mirror, repository });
}
