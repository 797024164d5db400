// What `GET /status` of the operator's listener says: the status store, counted.
import { type Config, mirrorsOf } from "../src/config.ts";
import type { LaneStatus, RepositoryStatus, StatusStore } from "../src/ports.ts";

export type StatusReport = {
  /** How many repositories and mirrors are in each state. */
  totals: Record<string, number>;
  lanes: LaneStatus[];
  repositories: RepositoryStatus[];
};

/** `repository`: only this one; the totals then count it alone. */
export async function readStatus(
  store: StatusStore,
  config: Config,
  repository: string | undefined,
): Promise<StatusReport> {
  const [knownLanes, all] = await Promise.all([store.listLanes(), store.listRepositories()]);
  // Items of what the configuration no longer mirrors stay in the store and concern nobody.
  const lanes = knownLanes.filter(({ mirror }) => config.mirrors.some(({ name }) => name === mirror));
  const repositories = all.filter(
    (status) =>
      (repository === undefined || status.repository === repository) &&
      mirrorsOf(config, status.repository).some(({ name }) => name === status.mirror),
  );
  const totals: Record<string, number> = {};
  for (const { state } of repositories) totals[state] = (totals[state] ?? 0) + 1;
  return { totals, lanes, repositories };
}

/**
 * Letters and jobs were in the memory of the process that ended (design 6.2): no letter is open any more, and of a lane
 * that is down nobody is left who would probe it, so the first sweep does.
 */
export async function clearLetterMarks(store: StatusStore): Promise<void> {
  for (const lane of await store.listLanes()) if (lane.state === "down") await store.writeLane({ ...lane, probeAt: 0 });
  for (const { letter, ...status } of await store.listRepositories()) {
    if (letter !== undefined) await store.writeRepository(status);
  }
}
