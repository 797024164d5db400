// The SQLite status store on real files: versions, two connections racing, the file's mode and schema.
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { SqliteStatus } from "../../src/adapters/sqlite-status.ts";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import type { LaneStatus, RepositoryStatus } from "../../src/ports.ts";

const folder = mkdtempSync(join(tmpdir(), "sqlite-status-"));
afterAll(() => rmSync(folder, { recursive: true }));

const mirror = "github" as MirrorName;
const repository = "platform/build" as RepositoryName;
const status: RepositoryStatus = { mirror, repository, state: "working", since: 1, attempts: 0 };
const lane: LaneStatus = { mirror, state: "down", since: 1, failing: [repository], probeAt: 60 };

describe("SqliteStatus", () => {
  let files = 0;
  let file = "";
  let store: SqliteStatus;
  let other: SqliteStatus;
  beforeEach(() => {
    files += 1;
    file = join(folder, `${files}.sqlite`);
    store = new SqliteStatus(file);
    other = new SqliteStatus(file);
  });
  afterEach(() => {
    store.close();
    other.close();
  });

  test("gives back what was written, with a version", async () => {
    const full: RepositoryStatus = {
      ...status,
      error: { code: "busy", message: "m", remedy: "r" },
      coveredUntil: 5,
      letter: { id: "i", at: 2, code: "guarded", difference: "d" },
      lagMs: 7,
    };
    expect(await store.readRepository(mirror, repository)).toBeUndefined();
    expect(await store.writeRepository(full)).toBe(true);
    expect(await other.readRepository(mirror, repository)).toEqual({ ...full, version: 1 });
    expect(await store.writeRepository({ ...status, version: 1 })).toBe(true);
    expect(await other.readRepository(mirror, repository)).toEqual({ ...status, version: 2 });
  });

  test("lets one of two connections win when both insert, and when both update one version", async () => {
    const inserts = await Promise.all([store.writeRepository(status), other.writeRepository(status)]);
    expect(inserts.toSorted()).toEqual([false, true]);
    const read = await store.readRepository(mirror, repository);
    expect(read).toEqual(await other.readRepository(mirror, repository));
    if (read === undefined) throw new Error("the inserted item must be there");
    const updates = await Promise.all([
      store.writeRepository({ ...read, state: "equal" }),
      other.writeRepository({ ...read, state: "failed" }),
    ]);
    expect(updates).toEqual([true, false]);
    expect(await other.readRepository(mirror, repository)).toEqual({ ...status, state: "equal", version: 2 });
  });

  test("refuses an update of an item that is not there", async () => {
    expect(await store.writeRepository({ ...status, version: 1 })).toBe(false);
    expect(await store.writeLane({ ...lane, version: 1 })).toBe(false);
  });

  test("keeps lanes by the same rule", async () => {
    expect(await store.writeLane(lane)).toBe(true);
    expect(await other.writeLane(lane)).toBe(false);
    expect(await other.readLane(mirror)).toEqual({ ...lane, version: 1 });
    expect(await other.writeLane({ mirror, state: "up", since: 2, failing: [], version: 1 })).toBe(true);
    expect(await store.listLanes()).toEqual([{ mirror, state: "up", since: 2, failing: [], version: 2 }]);
  });

  test("keeps one cursor", async () => {
    expect(await store.readCursor()).toBeUndefined();
    await store.writeCursor({ run: "1", after: repository });
    await store.writeCursor({ run: "2" });
    expect(await other.readCursor()).toEqual({ run: "2" });
  });

  test("lists 10,000 repositories in order and in less than a second", async () => {
    for (let n = 9_999; n >= 0; n--) {
      await store.writeRepository({ ...status, repository: `r${String(n).padStart(4, "0")}` as RepositoryName });
    }
    const started = performance.now();
    const all = await other.listRepositories();
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(all).toHaveLength(10_000);
    expect(all[42]).toEqual({ ...status, repository: "r0042", version: 1 });
  });

  test("survives being opened again", async () => {
    await store.writeRepository(status);
    store.close();
    store = new SqliteStatus(file);
    expect(await store.listRepositories()).toHaveLength(1);
  });

  test("makes its files readable by their owner only", async () => {
    await store.writeRepository(status);
    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(name).mode & 0o777).toBe(0o600);
  });

  test("says that a file has a newer schema, and leaves it alone", () => {
    const newer = join(folder, "newer.sqlite");
    const database = new DatabaseSync(newer);
    database.exec("PRAGMA user_version = 7");
    expect(() => new SqliteStatus(newer)).toThrow(
      expect.objectContaining({
        code: "invalid-configuration",
        message: expect.stringContaining("has schema 7; this version knows schema 1"),
      }),
    );
    expect(database.prepare("PRAGMA user_version").get()).toEqual({ user_version: 7 });
    expect(database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()).toEqual({ tables: 0 });
    database.close();
  });

  test("names a file that is no database and one that cannot be made", () => {
    const text = join(folder, "text.sqlite");
    writeFileSync(text, "this is a text and no database".repeat(10));
    for (const path of [text, join(folder, "no/such/folder.sqlite")]) {
      expect(() => new SqliteStatus(path)).toThrow(
        expect.objectContaining({ code: "invalid-configuration", message: expect.stringContaining(path) }),
      );
    }
  });
});
