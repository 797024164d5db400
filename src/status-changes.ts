// Changes of status items: read, decide, write, and decide again when somebody else wrote meanwhile.
import { MirrorError } from "./errors.ts";
import type { MirrorName, RepositoryName } from "./model/repository.ts";
import type { LaneStatus, RepositoryStatus, StatusStore } from "./ports.ts";

/** Lost races in a row that are borne; a repository's message group has one writer, beside it only the sweep. */
const TRIES = 10;

/** `change` may be called several times; undefined means: leave it as it is. Returns what is stored. */
export async function changeRepository(
  store: StatusStore,
  key: { mirror: MirrorName; repository: RepositoryName },
  change: (status: RepositoryStatus | undefined) => RepositoryStatus | undefined,
): Promise<RepositoryStatus | undefined> {
  for (let tries = 0; tries < TRIES; tries++) {
    const status = await store.readRepository(key.mirror, key.repository);
    const next = change(status);
    if (next === undefined) return status;
    if (await store.writeRepository(withVersion(next, status?.version))) return next;
  }
  throw new MirrorError(
    "internal",
    `The status of "${key.repository}" at ${key.mirror} could not be written: others wrote ${TRIES} times.`,
  );
}

export async function changeLane(
  store: StatusStore,
  mirror: MirrorName,
  change: (status: LaneStatus | undefined) => LaneStatus | undefined,
): Promise<LaneStatus | undefined> {
  for (let tries = 0; tries < TRIES; tries++) {
    const status = await store.readLane(mirror);
    const next = change(status);
    if (next === undefined) return status;
    if (await store.writeLane(withVersion(next, status?.version))) return next;
  }
  throw new MirrorError(
    "internal",
    `The status of the lane ${mirror} could not be written: others wrote ${TRIES} times.`,
  );
}

function withVersion<Item extends { version?: number }>(item: Item, version: number | undefined): Item {
  const { version: _, ...rest } = item;
  return (version === undefined ? rest : { ...rest, version }) as Item;
}
