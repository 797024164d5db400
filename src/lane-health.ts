// A lane's health (design rule 10): five repositories in a row with the lane's fault bring it down; one probe a minute brings it back.
import { METRICS } from "./contract.ts";
import { type ErrorSummary, faultOf } from "./errors.ts";
import type { Instant } from "./model/job.ts";
import type { MirrorName, RepositoryName } from "./model/repository.ts";
import type { LaneStatus, Log, Metrics, StatusStore } from "./ports.ts";
import { changeLane } from "./status-changes.ts";

export const FAILING_REPOSITORIES = 5;
export const PROBE_MS = 60_000;

/** Waiting jobs come back after half the time the lane has been down: at least the probe's minute, at most a quarter of an hour. */
const WAIT_SECONDS_MAX = 900;

/** The longest that a waiting job may leave a due probe undone, and a probe may take. */
const FORSAKEN_MS = 2 * WAIT_SECONDS_MAX * 1_000;

/** What a job may do now: run, run as the probe of a lane that is down, or wait. */
export type Turn = { kind: "run" } | { kind: "probe" } | { kind: "wait"; seconds: number };

/** Claims the probe when it is due: of several jobs only one gets it. */
export async function takeTurn(store: StatusStore, mirror: MirrorName, now: Instant): Promise<Turn> {
  const lane = await store.readLane(mirror);
  if (lane === undefined || lane.state === "up") return { kind: "run" };
  if (lane.state === "down" && now >= (lane.probeAt ?? 0)) {
    if (await store.writeLane({ ...lane, probeAt: now + PROBE_MS })) return { kind: "probe" };
  }
  return { kind: "wait", seconds: waitSeconds(now - lane.since) };
}

function waitSeconds(downMs: number): number {
  return Math.round(Math.min(Math.max(PROBE_MS / 1000, downMs / 2_000), WAIT_SECONDS_MAX));
}

/** A lane that is down and that no job probes any more: its jobs expired, or went with the process that held them. */
export function isForsaken(lane: LaneStatus, now: Instant): boolean {
  return lane.state === "down" && now >= (lane.probeAt ?? 0) + FORSAKEN_MS;
}

export type LaneChange = "down" | "up" | undefined;

/** One alert, one all-clear. */
export function announceLane(
  { metrics, log }: { metrics: Metrics; log: Log },
  mirror: MirrorName,
  change: LaneChange,
  error: ErrorSummary | undefined,
): void {
  if (change === undefined) return;
  metrics.add(METRICS.laneDown, change === "down" ? 1 : 0, "Count", { mirror });
  log(change === "down" ? "error" : "info", `lane ${change}`, { mirror, error });
}

/** Takes a job's end into account. Returns the change of state, if there was one: the moment for one alert. */
export async function noteJobEnd(
  store: StatusStore,
  job: { mirror: MirrorName; repository: RepositoryName },
  error: ErrorSummary | undefined,
  now: Instant,
): Promise<{ lane: LaneStatus | undefined; change: LaneChange }> {
  let change: LaneChange;
  const lane = await changeLane(store, job.mirror, (status) => {
    change = undefined;
    if (error === undefined || faultOf(error.code) !== "lane") {
      if (status === undefined || (status.state === "up" && status.failing.length === 0)) return undefined;
      if (status.state === "paused") return undefined;
      if (status.state === "down") change = "up";
      return { mirror: job.mirror, state: "up", since: status.state === "up" ? status.since : now, failing: [] };
    }
    const known = status ?? { mirror: job.mirror, state: "up" as const, since: now, failing: [] };
    const failing = [...new Set([...known.failing, job.repository])].slice(-FAILING_REPOSITORIES);
    if (known.state === "paused") return undefined;
    if (known.state === "down") return { ...known, failing, error, probeAt: now + PROBE_MS };
    if (failing.length < FAILING_REPOSITORIES) return { ...known, failing, error };
    change = "down";
    return { mirror: job.mirror, state: "down", since: now, failing, error, probeAt: now + PROBE_MS };
  });
  return { lane, change };
}
