// A source and a mirror on one real Git server, the use case run between them, and an independent proof that they are equal.
import { join } from "node:path";
import { expect } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import { mirrorRepository } from "../../src/mirror-repository.ts";
import type { MirrorRequest, MirrorResult } from "../../src/mirror-run.ts";
import type { NamedRef } from "../../src/model/job.ts";
import type { Oid } from "../../src/model/oid.ts";
import type { RefName } from "../../src/model/ref.ts";
import type { RefReport } from "../../src/model/report.ts";
import { DEFAULT_GUARD } from "../../src/plan/guard.ts";
import { DEFAULT_REF_PATTERNS } from "../../src/plan/ref-patterns.ts";
import { createRemoteMemory, openMirror, openSource, type RemoteMemory } from "../../src/remote/open.ts";
import { type FaultRule, injectFaults } from "../support/faults.ts";
import {
  type GitServer,
  type GitServerOptions,
  type OnRequest,
  type RequestRecord,
  type Service,
  startGitServer,
} from "../support/git-server.ts";
import { commit, createBare, fsck, refsOf, tag } from "../support/repositories.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

export type Side = "source" | "mirror";

export type Story = {
  folder: string;
  /** The repositories' folders. */
  source: string;
  mirror: string;
  server: GitServer;
  /** Faults; push to it at any time. */
  rules: FaultRule[];
  /** Asked before the faults, each in turn. */
  hooks: OnRequest[];
  memory: RemoteMemory;
  urlOf(side: Side): string;
  /** Reads both sides in full unless told otherwise. */
  run(overrides?: Partial<MirrorRequest>): Promise<MirrorResult>;
  narrow(named: readonly NamedRef[], overrides?: Partial<MirrorRequest>): Promise<MirrorResult>;
  /** Fails unless the managed refs are the same and every object of the mirror is there and sound. */
  prove(): Promise<void>;
  /** Requests of a service since the start or the last `forget`. */
  requests(side: Side, service?: Service): RequestRecord[];
  forget(): void;
  [Symbol.asyncDispose](): Promise<void>;
};

/** The source has `main` with two commits and the annotated tag `v1`, unless it shall be empty; the mirror is empty. */
export async function startStory(
  options: { server?: Omit<GitServerOptions, "root" | "onRequest">; empty?: boolean } = {},
): Promise<Story> {
  const folder = await makeTemporaryFolder();
  const rules: FaultRule[] = [];
  const hooks: OnRequest[] = [];
  const faults = injectFaults(rules);
  const onRequest: OnRequest = async (record, exchange) => {
    for (const hook of [...hooks]) {
      const intervention = await hook(record, exchange);
      if (intervention !== undefined) return intervention;
    }
    return faults(record, exchange);
  };
  // Without fsync: the tests judge refs and objects, not what a crash of the machine leaves.
  const config = { "core.fsync": "none", ...options.server?.config };
  const server = await startGitServer({ ...options.server, config, root: folder.path, onRequest });
  const source = await createBare(join(folder.path, "source.git"));
  const mirror = await createBare(join(folder.path, "mirror.git"));
  if (options.empty !== true) await fillSample(source);
  const http = createHttpClient(server.ca === undefined ? {} : { ca: server.ca });
  const memory = createRemoteMemory();
  const urlOf = (side: Side) => server.urlOf(`${side}.git`);
  const run = (overrides: Partial<MirrorRequest> = {}) =>
    mirrorRepository({
      source: openSource(http, { side: "source", url: urlOf("source") }, memory),
      mirror: openMirror(http, { side: "mirror", url: urlOf("mirror") }, memory),
      managed: DEFAULT_REF_PATTERNS,
      named: [],
      scope: "full",
      limits: DEFAULT_GUARD,
      refuseForeign: false,
      clock: Date.now,
      bytes: { fetched: 0, sent: 0 },
      ...overrides,
    });
  return {
    folder: folder.path,
    source,
    mirror,
    server,
    rules,
    hooks,
    memory,
    urlOf,
    run,
    narrow: (named, overrides = {}) => run({ named, scope: "narrow", ...overrides }),
    prove: () => proveEqual(source, mirror),
    requests: (side, service) => server.requests.filter((record) => isOf(record, side, service)),
    forget: () => {
      server.requests.length = 0;
    },
    [Symbol.asyncDispose]: async () => {
      http.close();
      await server.close();
      await folder.remove();
    },
  };
}

/** Compares the managed refs as the repositories themselves list them, then checks the mirror's objects. */
export async function proveEqual(source: string, mirror: string): Promise<void> {
  const [expected, shown] = await Promise.all([managedRefs(source), managedRefs(mirror)]);
  // One comparison of long texts first: a matcher's diff of 100,000 lines would take minutes.
  if (shown.join("\n") !== expected.join("\n")) expect(shown.slice(0, 1_000)).toEqual(expected.slice(0, 1_000));
  expect(shown.length).toBe(expected.length);
  await fsck(mirror);
}

/** `OID NAME`, sorted. */
export async function managedRefs(repo: string): Promise<string[]> {
  const refs = [...(await refsOf(repo))].filter(([name]) => /^refs\/(?:heads|tags)\//.test(name));
  return refs.map(([name, oid]) => `${oid} ${name}`).sort();
}

/** What a `ref-updated` event names. */
export function named(ref: string, options: { deleted?: boolean; old?: string } = {}): NamedRef {
  const old = options.old === undefined ? {} : { old: options.old as Oid };
  return { ref: ref as RefName, deleted: options.deleted ?? false, ...old };
}

/** The report's entry for a ref; fails when there is none. */
export function entryOf({ report }: MirrorResult, ref: string): RefReport {
  const entry = report.refs.find((candidate) => candidate.ref === ref);
  if (entry === undefined) throw new Error(`The report says nothing of ${ref}: ${JSON.stringify(report)}`);
  return entry;
}

/** Runs `action` at the matching requests number `from` to `to` (1 is the first), before git sees them. */
export function atRequest(
  matches: { side: Side; service: Service; from?: number; to?: number },
  action: (time: number) => Promise<unknown>,
): OnRequest {
  const { from = 1, to = from } = matches;
  let seen = 0;
  return async (record) => {
    if (!isOf(record, matches.side, matches.service)) return undefined;
    seen++;
    if (seen >= from && seen <= to) await action(seen);
    return undefined;
  };
}

function isOf(record: RequestRecord, side: Side, service?: Service): boolean {
  return record.path.includes(`/${side}.git`) && (service === undefined || record.service === service);
}

async function fillSample(repo: string): Promise<void> {
  await commit(repo, { files: { "a.txt": "one\n" }, message: "one" });
  await commit(repo, { files: { "b.txt": "two\n" }, message: "two" });
  await tag(repo, "v1", "main");
}
