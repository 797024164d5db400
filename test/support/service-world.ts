// The whole service in one process on real Git servers and embedded queues, with its clock and its postponements in the test's hands.
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SQSClient } from "@aws-sdk/client-sqs";
import { sweepAll } from "../../functions/sweep.ts";
import { answerPost } from "../../functions/webhook.ts";
import { workBatch } from "../../functions/worker.ts";
import { localContext } from "../../local/context.ts";
import { setEnvironment } from "../../local/environment.ts";
import { makeGate } from "../../local/gate.ts";
import { LOCAL_REGION, startQueues } from "../../local/queues.ts";
import { servicePorts } from "../../src/adapters/aws.ts";
import { openState, stateFolder } from "../../src/adapters/state-folder.ts";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import type { LaneStatus, RepositoryStatus } from "../../src/ports.ts";
import type { SweepSummary } from "../../src/sweep.ts";
import { functionUrlEvent } from "./function-url-event.ts";
import { type Lane, type LaneWorker, makeLane } from "./lane.ts";
import { commit, createBare, fsck, refsOf } from "./repositories.ts";
import { type ServiceServers, startServers } from "./service-servers.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";
import { type Logged, watchPorts } from "./watched-ports.ts";

export const WEBHOOK_SECRET = "path-secret-of-the-flow-tests-0123456789";

export type WorldOptions = {
  /** Names of the lanes; `main` alone when absent. */
  lanes?: readonly string[];
  /** Over the whole configuration but its mirrors and source. */
  config?: object;
  /** Over each mirror's. */
  mirror?: object;
  source?: object;
  secrets?: Record<string, unknown>;
  /** What a postponement of so many seconds becomes; at once when absent. */
  postpone?: (seconds: number) => number;
  /** The queue's own visibility timeout. */
  visibilitySeconds?: number;
};

export type ServiceWorld = Awaited<ReturnType<typeof startServiceWorld>>;

export async function startServiceWorld(options: WorldOptions = {}) {
  const parts = await openParts(options);
  const { folder, servers, lanes, logs, metrics } = parts;
  const first = parts.names[0] ?? "";
  return {
    folder: folder.path,
    files: parts.files,
    servers,
    ports: parts.ports,
    logs,
    metrics,
    postponed: parts.postponed,
    /** Every job that was sent. */
    jobs: parts.jobs,
    lane: (name: string = first) => laneOf(lanes, name),
    advance: parts.advance,
    ...repositoryVerbs(servers, parts.names),
    ...serviceVerbs(parts),
    statusOf: (name: string, mirror: string = first): Promise<RepositoryStatus | undefined> =>
      parts.ports.status.readRepository(mirror as MirrorName, name as RepositoryName),
    laneStatus: (mirror: string = first): Promise<LaneStatus | undefined> =>
      parts.ports.status.readLane(mirror as MirrorName),
    logged: (message: string | RegExp): Logged[] =>
      logs.filter((entry) => (typeof message === "string" ? entry.message === message : message.test(entry.message))),
    /** The sum of a metric. */
    count: (name: string, mirror?: string): number =>
      metrics
        .filter((metric) => metric.name === name && (mirror === undefined || metric.mirror === mirror))
        .reduce((sum, { value }) => sum + value, 0),
    writeSecrets: (secrets: Record<string, unknown>) => writeSecrets(parts.files.secretsFile, secrets),
    [Symbol.asyncDispose]: parts.close,
  };
}

type Parts = Awaited<ReturnType<typeof openParts>>;
type Lanes = ReadonlyMap<string, Lane>;

async function openParts(options: WorldOptions) {
  const names = (options.lanes ?? ["main"]) as MirrorName[];
  const folder = await makeTemporaryFolder();
  const servers = await startServers(folder.path, names);
  const files = await writeFiles(folder.path, servers, options);
  const accessKeyId = `LOCAL${randomBytes(8).toString("hex")}`;
  const visibility = options.visibilitySeconds === undefined ? {} : { visibilitySeconds: options.visibilitySeconds };
  const queues = await startQueues(names, { accessKeyId, ...visibility });
  const env = process.env as Record<string, string | undefined>;
  // Where the service of one machine has it, so that the operator's command finds it.
  const { statusFile } = await openState(stateFolder(files.configFile), {});
  setEnvironment(env, { ...files, statusFile, queues, accessKeyId });
  const real = await servicePorts(env);
  const watched = watchPorts(real, options.postpone ?? (() => 0));
  const client = new SQSClient({
    endpoint: queues.endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId, secretAccessKey: "local" },
  });
  const work: LaneWorker = (event, context) => workBatch(event, context, async () => watched.ports);
  const lanes = new Map<string, Lane>();
  for (const name of names) {
    const urls = { jobs: queues.queueUrls[name] ?? "", letters: queues.deadLetterUrls[name] ?? "" };
    lanes.set(name, makeLane(client, name, urls, work));
  }
  const close = async () => {
    for (const each of lanes.values()) await each.stop();
    client.destroy();
    real.clients.close();
    await queues.close();
    await servers.close();
    await folder.remove();
  };
  return { names, folder, servers, files, lanes, close, ...watched };
}

function repositoryVerbs(servers: ServiceServers, lanes: readonly string[]) {
  const first = lanes[0] ?? "";
  return {
    /** Makes the repository on both sides, the mirror's empty, the source's with one commit on `main`. */
    async addRepository(name: string): Promise<void> {
      await createBare(servers.sourceOf(name));
      for (const mirror of lanes) await createBare(servers.mirrorOf(name, mirror));
      await commit(servers.sourceOf(name), { files: { "README.md": `${name}\n` }, message: "first" });
    },
    /** Pushes one commit and returns the event that Gerrit would post. */
    async pushToSource(name: string, branch = "main"): Promise<object> {
      const repo = servers.sourceOf(name);
      const ref = `refs/heads/${branch}`;
      const old = (await refsOf(repo)).get(ref);
      const oid = await commit(repo, { branch, files: { "a.txt": randomBytes(8).toString("hex") } });
      return refUpdated(name, ref, old, oid);
    },
    removeProject: (name: string): Promise<void> => rm(servers.sourceOf(name), { recursive: true }),
    async isEqual(name: string, mirror: string = first): Promise<boolean> {
      const [source, there] = await Promise.all([
        refsOf(servers.sourceOf(name)),
        refsOf(servers.mirrorOf(name, mirror)),
      ]);
      return source.size === there.size && [...source].every(([ref, oid]) => there.get(ref) === oid);
    },
    fsck: (name: string, mirror: string = first) => fsck(servers.mirrorOf(name, mirror)),
  };
}

function serviceVerbs({ ports, lanes }: Parts) {
  // As many posts at once as local/front.ts lets through.
  const gate = makeGate(16);
  return {
    async post(event: object | string, path = `/webhook/${WEBHOOK_SECRET}`): Promise<{ status: number; body: string }> {
      const body = typeof event === "string" ? event : JSON.stringify(event);
      const answer = await gate(() => answerPost(functionUrlEvent(body, path), ports));
      if (typeof answer === "string") throw new Error("the handler answers with an object");
      return { status: answer.statusCode ?? 0, body: String(answer.body) };
    },
    /** With Lambda's quarter of an hour on the world's clock. */
    sweep: (only?: string): Promise<SweepSummary> => {
      const endsAt = ports.clock() + 900_000;
      const context = { ...localContext("sweep", 900_000), getRemainingTimeInMillis: () => endsAt - ports.clock() };
      return sweepAll(only === undefined ? {} : { mirror: only }, context, ports);
    },
    startWorkers(concurrency = 2, pollers = 1): void {
      for (const each of lanes.values()) for (let count = 0; count < pollers; count++) each.start(concurrency);
    },
    /** Until no lane has a message, visible or in somebody's hands. */
    async settle(milliseconds = 20_000): Promise<void> {
      const deadline = Date.now() + milliseconds;
      for (;;) {
        const rest = await Promise.all([...lanes.values()].map((each) => each.pending()));
        if (rest.every((count) => count === 0)) return;
        if (Date.now() > deadline) throw new Error(`not settled: ${rest.join(", ")} messages`);
        await delay(15);
      }
    },
  };
}

function laneOf(lanes: Lanes, name: string): Lane {
  const found = lanes.get(name);
  if (found === undefined) throw new Error(`There is no lane ${name}.`);
  return found;
}

/** As Gerrit posts it; an absent value is 40 zeros. */
export function refUpdated(
  project: string,
  refName: string,
  old: string | undefined,
  value: string | undefined,
): object {
  const zeros = "0".repeat(40);
  return {
    refUpdate: { oldRev: old ?? zeros, newRev: value ?? zeros, refName, project },
    type: "ref-updated",
    eventCreatedOn: Math.floor(Date.now() / 1000),
  };
}

async function writeFiles(folder: string, servers: ServiceServers, options: WorldOptions) {
  const configFile = join(folder, "mirror.config.json");
  const secretsFile = join(folder, "secrets.json");
  const mirrors = Object.fromEntries(
    [...servers.mirrors].map(([name, server]) => [
      name,
      { host: "git", url: `${server.url}/\${name}`, ...options.mirror },
    ]),
  );
  const config = {
    source: { url: servers.source.url, ...options.source },
    webhook: { secret: "webhook" },
    repositories: ["*"],
    ...options.config,
    mirrors,
  };
  await mkdir(folder, { recursive: true });
  await writeFile(configFile, JSON.stringify(config));
  await writeSecrets(secretsFile, { webhook: WEBHOOK_SECRET, ...options.secrets });
  return { configFile, secretsFile };
}

async function writeSecrets(file: string, secrets: Record<string, unknown>): Promise<void> {
  await writeFile(file, JSON.stringify(secrets), { mode: 0o600 });
}
