// Tells the service beside the configuration that a person adopted a mirror, so that its next job does not hold it again.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { STATUS_FILE, stateFolder } from "../src/adapters/state-folder.ts";
import type { MirrorName, RepositoryName } from "../src/model/repository.ts";
import { changeRepository } from "../src/status-changes.ts";

/**
 * Without a service's status file beside the configuration there is nothing to tell. The item leaves first contact
 * (design rule 17); that anything is equal only a job or a sweep says. Throws `invalid-configuration`.
 */
export async function recordAdoption(
  configFile: string,
  { mirror, repository }: { mirror: MirrorName; repository: RepositoryName },
): Promise<void> {
  const file = join(stateFolder(configFile), STATUS_FILE);
  if (!existsSync(file)) return;
  const { SqliteStatus } = await import("../src/adapters/sqlite-status.ts");
  const store = new SqliteStatus(file);
  try {
    await changeRepository(store, { mirror, repository }, (status) => {
      const base = status ?? { mirror, repository, attempts: 0 };
      return { ...base, state: "working", since: Date.now(), coveredUntil: status?.coveredUntil ?? 0 };
    });
  } finally {
    store.close();
  }
}
