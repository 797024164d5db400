// The StatusStore port on one SQLite file, for one machine; a write succeeds only on the version that it was decided on.
import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { MirrorError } from "../errors.ts";
import type { Instant } from "../model/job.ts";
import type { RefName } from "../model/ref.ts";
import type { MirrorName, RepositoryName } from "../model/repository.ts";
import type { LaneStatus, RepositoryStatus, StatusStore, SweepCursor } from "../ports.ts";

const SCHEMA = 1;

const TABLES = `
  CREATE TABLE repository_status (
    mirror TEXT NOT NULL, repository TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (mirror, repository)
  ) STRICT;
  CREATE TABLE announced_deletion (
    mirror TEXT NOT NULL, repository TEXT NOT NULL, ref TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (mirror, repository, ref)
  ) STRICT;
  CREATE TABLE lane_status (mirror TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE TABLE sweep_cursor (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL) STRICT;
  PRAGMA user_version = ${SCHEMA};
`;

/** How long a statement waits for another process that writes; a write takes well under a millisecond. */
const BUSY_MS = 5_000;

/** Opens, or makes with mode 0600, the file. Throws `invalid-configuration`. */
export class SqliteStatus implements StatusStore {
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(file: string) {
    this.#database = open(file);
    this.#statements = prepare(this.#database);
  }

  async readRepository(mirror: MirrorName, repository: RepositoryName): Promise<RepositoryStatus | undefined> {
    const row = this.#statements.readRepository.get(mirror, repository);
    return row && decode<RepositoryStatus>(row);
  }

  async writeRepository({ version, ...body }: RepositoryStatus): Promise<boolean> {
    const { insertRepository, updateRepository } = this.#statements;
    const text = JSON.stringify(body);
    return version === undefined
      ? changed(insertRepository.run(body.mirror, body.repository, text))
      : changed(updateRepository.run(text, body.mirror, body.repository, version));
  }

  async listRepositories(): Promise<RepositoryStatus[]> {
    return this.#statements.listRepositories.all().map((row) => decode<RepositoryStatus>(row));
  }

  async announceDeletions({ mirror, repository }: RepositoryKey, refs: readonly RefName[], at: Instant): Promise<void> {
    for (const ref of refs) this.#statements.announce.run(mirror, repository, ref, at);
  }

  async readAnnounced({ mirror, repository }: RepositoryKey, since: Instant): Promise<RefName[]> {
    return this.#statements.readAnnounced.all(mirror, repository, since).map(({ ref }) => String(ref) as RefName);
  }

  async forgetAnnounced({ mirror, repository }: RepositoryKey, refs: readonly RefName[]): Promise<void> {
    for (const ref of refs) this.#statements.forgetAnnounced.run(mirror, repository, ref);
  }

  async readLane(mirror: MirrorName): Promise<LaneStatus | undefined> {
    const row = this.#statements.readLane.get(mirror);
    return row && decode<LaneStatus>(row);
  }

  async writeLane({ version, ...body }: LaneStatus): Promise<boolean> {
    const { insertLane, updateLane } = this.#statements;
    const text = JSON.stringify(body);
    return version === undefined
      ? changed(insertLane.run(body.mirror, text))
      : changed(updateLane.run(text, body.mirror, version));
  }

  async listLanes(): Promise<LaneStatus[]> {
    return this.#statements.listLanes.all().map((row) => decode<LaneStatus>(row));
  }

  async readCursor(): Promise<SweepCursor | undefined> {
    const row = this.#statements.readCursor.get();
    return row && (JSON.parse(String(row.body)) as SweepCursor);
  }

  async writeCursor(cursor: SweepCursor): Promise<void> {
    this.#statements.writeCursor.run(JSON.stringify(cursor));
  }

  close(): void {
    this.#database.close();
  }
}

type RepositoryKey = { mirror: MirrorName; repository: RepositoryName };
type Row = NonNullable<ReturnType<StatementSync["get"]>>;

function decode<Item>(row: Row): Item {
  return { ...(JSON.parse(String(row.body)) as object), version: Number(row.version) } as Item;
}

function changed(result: ReturnType<StatementSync["run"]>): boolean {
  return Number(result.changes) === 1;
}

function prepare(database: DatabaseSync) {
  return {
    readRepository: database.prepare("SELECT body, version FROM repository_status WHERE mirror = ? AND repository = ?"),
    listRepositories: database.prepare("SELECT body, version FROM repository_status ORDER BY mirror, repository"),
    insertRepository: database.prepare("INSERT INTO repository_status VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING"),
    updateRepository: database.prepare(
      "UPDATE repository_status SET body = ?, version = version + 1 WHERE mirror = ? AND repository = ? AND version = ?",
    ),
    announce: database.prepare(
      "INSERT INTO announced_deletion VALUES (?, ?, ?, ?) ON CONFLICT (mirror, repository, ref) DO UPDATE SET at = excluded.at",
    ),
    readAnnounced: database.prepare(
      "SELECT ref FROM announced_deletion WHERE mirror = ? AND repository = ? AND at >= ?",
    ),
    forgetAnnounced: database.prepare("DELETE FROM announced_deletion WHERE mirror = ? AND repository = ? AND ref = ?"),
    readLane: database.prepare("SELECT body, version FROM lane_status WHERE mirror = ?"),
    listLanes: database.prepare("SELECT body, version FROM lane_status ORDER BY mirror"),
    insertLane: database.prepare("INSERT INTO lane_status VALUES (?, 1, ?) ON CONFLICT DO NOTHING"),
    updateLane: database.prepare(
      "UPDATE lane_status SET body = ?, version = version + 1 WHERE mirror = ? AND version = ?",
    ),
    readCursor: database.prepare("SELECT body FROM sweep_cursor"),
    writeCursor: database.prepare(
      "INSERT INTO sweep_cursor VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    ),
  };
}

function open(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    // SQLite would make the file with the umask's mode; its -wal and -shm files take the mode of this one.
    closeSync(openSync(file, "a", 0o600));
    database = new DatabaseSync(file, { timeout: BUSY_MS });
    // In WAL mode `NORMAL` can lose the last writes of a power cut but never break the file; a sweep fills them again.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    createTables(database, file);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof MirrorError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new MirrorError("invalid-configuration", `The status file "${file}" cannot be opened: ${reason}.`, {
      remedy: "Name a file in a folder that can be written; a status file that is broken can be deleted at any time.",
      cause: error,
    });
  }
}

/** Within a write transaction, since two processes may open a new file at once. */
function createTables(database: DatabaseSync, file: string): void {
  database.exec("BEGIN IMMEDIATE");
  const schema = Number(database.prepare("PRAGMA user_version").get()?.user_version);
  if (schema > SCHEMA) {
    throw new MirrorError(
      "invalid-configuration",
      `The status file "${file}" has schema ${schema}; this version knows schema ${SCHEMA} and older.`,
      { remedy: "Run the newer version of gerrit-mirror, or name another file: the next sweep fills it again." },
    );
  }
  if (schema === 0) database.exec(TABLES);
  database.exec("COMMIT");
}
