// Two real Git servers, a source and a mirror that lags in every kind of update, and what must hold after any fault.
import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import { mirrorRepository } from "../../src/mirror-repository.ts";
import type { MirrorRequest } from "../../src/mirror-run.ts";
import { Secret } from "../../src/model/secret.ts";
import { DEFAULT_GUARD } from "../../src/plan/guard.ts";
import { DEFAULT_REF_PATTERNS, managesRef } from "../../src/plan/ref-patterns.ts";
import type { HttpClient } from "../../src/ports.ts";
import { createRemoteMemory, openMirror, openSource } from "../../src/remote/open.ts";
import { type FaultRule, injectFaults } from "../support/faults.ts";
import {
  type Exchange,
  type GitServer,
  type OnRequest,
  type RequestRecord,
  startGitServer,
} from "../support/git-server.ts";
import { commit, createBare, fsck, hasObject, refsOf, tag, updateRef } from "../support/repositories.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

export type SideServer = {
  server: GitServer;
  rules: FaultRule[];
  /** Awaited before each request is served, for what happens at the side in between; what it answers wins. */
  before: ((record: RequestRecord, exchange: Exchange) => ReturnType<OnRequest> | Promise<void>) | undefined;
};

export type MirrorCase = {
  sourceRepo: string;
  mirrorRepo: string;
  sourceUrl: string;
  mirrorUrl: string;
  /** The mirror's refs at first, and what they must be at last. */
  old: Map<string, string>;
  next: Map<string, string>;
};

export type TwoSides = {
  source: SideServer;
  mirror: SideServer;
  /** Fresh copies; `empty` begins with a mirror without refs. */
  begin(options?: { empty?: boolean }): Promise<MirrorCase>;
  idle(): Promise<void>;
  /** Takes all faults away. */
  heal(): void;
  close(): Promise<void>;
};

/** Neither may ever be seen in an output. */
export const PASSWORD = "no-real-password";
export const CREDENTIAL = `Basic ${Buffer.from(`mirror-user:${PASSWORD}`).toString("base64")}`;

export async function startTwoSides(): Promise<TwoSides> {
  const folder = await makeTemporaryFolder();
  await makeTemplates(folder.path);
  const [source, mirror] = [await startSide(folder.path), await startSide(folder.path)];
  let cases = 0;
  const heal = (): void => {
    for (const side of [source, mirror]) {
      side.rules.length = 0;
      side.before = undefined;
    }
  };
  return {
    source,
    mirror,
    heal,
    idle: async () => {
      await Promise.all([source.server.idle(), mirror.server.idle()]);
    },
    async begin({ empty = false } = {}) {
      const names = [`source-${++cases}.git`, `mirror-${cases}.git`] as const;
      const [sourceRepo, mirrorRepo] = [join(folder.path, names[0]), join(folder.path, names[1])];
      await cp(join(folder.path, "source.git"), sourceRepo, { recursive: true });
      if (empty) await createBare(mirrorRepo);
      else await cp(join(folder.path, "mirror.git"), mirrorRepo, { recursive: true });
      return {
        sourceRepo,
        mirrorRepo,
        sourceUrl: source.server.urlOf(names[0]),
        mirrorUrl: mirror.server.urlOf(names[1]),
        old: await refsOf(mirrorRepo),
        next: await expectedRefs(sourceRepo, mirrorRepo),
      };
    },
    async close() {
      heal();
      await Promise.all([source.server.close(), mirror.server.close()]);
      await folder.remove();
    },
  };
}

/** What the mirror must show when it is equal: the source's managed refs and its own others. */
export async function expectedRefs(sourceRepo: string, mirrorRepo: string): Promise<Map<string, string>> {
  const managed = (name: string): boolean => managesRef(DEFAULT_REF_PATTERNS, name);
  const own = [...(await refsOf(mirrorRepo))].filter(([name]) => !managed(name));
  const sources = [...(await refsOf(sourceRepo))].filter(([name]) => managed(name));
  return new Map([...own, ...sources].sort(([one], [other]) => (one < other ? -1 : 1)));
}

export type RunOptions = { http: HttpClient; memory?: ReturnType<typeof createRemoteMemory>; signal?: AbortSignal };

/** A run in this process, with a credential that no server asks for. */
export function requestOf(
  urls: Pick<MirrorCase, "sourceUrl" | "mirrorUrl">,
  { http, memory = createRemoteMemory(), signal }: RunOptions,
): MirrorRequest {
  const authorization = async () => new Secret(CREDENTIAL);
  return {
    source: openSource(http, { side: "source", url: urls.sourceUrl, authorization }, memory, signal),
    mirror: openMirror(http, { side: "mirror", url: urls.mirrorUrl, authorization }, memory, signal),
    managed: DEFAULT_REF_PATTERNS,
    named: [],
    scope: "full",
    limits: DEFAULT_GUARD,
    refuseForeign: false,
    clock: Date.now,
    bytes: { fetched: 0, sent: 0 },
  };
}

export const runMirror = (
  urls: Pick<MirrorCase, "sourceUrl" | "mirrorUrl">,
  options: RunOptions,
): ReturnType<typeof mirrorRepository> => mirrorRepository(requestOf(urls, options));

/** A client that bears so many milliseconds of silence, whatever the requests allow. */
export function impatientClient(idleMs: number): HttpClient & { close(): void } {
  const client = createHttpClient();
  return Object.assign((request: Parameters<HttpClient>[0]) => client({ ...request, idleMs }), { close: client.close });
}

/** Each ref at the mirror is the old or the new one, its objects are sound, and no lock is left. */
export async function expectNothingHalfShown(sides: TwoSides, run: MirrorCase): Promise<Map<string, string>> {
  await sides.idle();
  // The quarantine folder of a receive-pack that was killed may stay: nothing in it can be reached.
  const files = await readdir(run.mirrorRepo, { recursive: true });
  expect(files.filter((name) => name.endsWith(".lock"))).toEqual([]);
  const shown = await refsOf(run.mirrorRepo);
  for (const ref of new Set([...run.old.keys(), ...run.next.keys(), ...shown.keys()])) {
    expect([run.old.get(ref), run.next.get(ref)], ref).toContain(shown.get(ref));
  }
  await fsck(run.mirrorRepo);
  return shown;
}

/** Not one ref moved, and none of the new objects came to stay. */
export async function expectUnmoved(sides: TwoSides, run: MirrorCase): Promise<void> {
  expect(await expectNothingHalfShown(sides, run)).toEqual(run.old);
  const known = new Set(run.old.values());
  for (const oid of run.next.values()) {
    if (!known.has(oid)) expect(await hasObject(run.mirrorRepo, oid), oid).toBe(false);
  }
}

/** Everything moved. */
export async function expectEqual(sides: TwoSides, run: MirrorCase): Promise<void> {
  expect(await expectNothingHalfShown(sides, run)).toEqual(run.next);
}

async function startSide(root: string): Promise<SideServer> {
  const rules: FaultRule[] = [];
  const faults = injectFaults(rules);
  const side: Omit<SideServer, "server"> = { rules, before: undefined };
  const server = await startGitServer({
    root,
    onRequest: async (record, exchange) => (await side.before?.(record, exchange)) ?? faults(record, exchange),
  });
  return Object.assign(side, { server });
}

async function makeTemplates(folder: string): Promise<void> {
  const source = await createBare(join(folder, "source.git"));
  const first = await commit(source, { files: { "a.txt": "one\n" }, message: "one" });
  await updateRef(source, "refs/heads/same", first);
  await tag(source, "v1", first);
  const mirror = join(folder, "mirror.git");
  await cp(source, mirror, { recursive: true });
  await commit(mirror, { branch: "gone", parents: [first], files: { "gone.txt": "gone\n" } });
  await commit(mirror, { branch: "forced", parents: [first], files: { "foreign.txt": "foreign\n" } });
  await updateRef(mirror, "refs/meta/config", first);
  await commit(source, { files: { "a.txt": "two\n", "b.txt": "b\n".repeat(200) }, message: "two" });
  await commit(source, { branch: "forced", parents: [], files: { "root.txt": "root\n" } });
  await commit(source, { branch: "new/branch", parents: [first], files: { "new.txt": "new\n" } });
  await tag(source, "v2", "main");
}
