// The service on one machine: queues, webhook, workers, sweep and the operator's listener, started and stopped in order.
import { randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { SQSClient } from "@aws-sdk/client-sqs";
import { servicePorts } from "../src/adapters/aws.ts";
import { FileSecrets } from "../src/adapters/file-secrets.ts";
import { openState, type State, stateFolder } from "../src/adapters/state-folder.ts";
import { type Config, parseConfig } from "../src/config.ts";
import { MirrorError } from "../src/errors.ts";
import type { Log } from "../src/ports.ts";
import { setEnvironment } from "./environment.ts";
import { type Front, startFront, type WebhookHandler } from "./front.ts";
import { type Operator, startOperator } from "./operator.ts";
import { type Poller, type SqsHandler, startPoller } from "./poller.ts";
import { LOCAL_REGION, type LocalQueues, startQueues } from "./queues.ts";
import { clearLetterMarks, readStatus } from "./status.ts";
import { makeSweeper, type Sweeper, type SweepHandler } from "./sweeper.ts";

/** The Lambda handlers of `functions/`. They read `process.env` once, so a process holds one service. */
export type Handlers = { webhook: WebhookHandler; worker: SqsHandler; sweep: SweepHandler };

export type ServiceOptions = {
  configFile: string;
  secretsFile: string;
  host: string;
  /** 0: any free one. */
  port: number;
  env: Record<string, string | undefined>;
  handlers: Handlers;
};

export type Service = {
  /** Of the webhook. */
  url: string;
  operatorUrl: string;
  tokenFile: string;
  /** Name of the webhook's path secret, where one is configured. */
  webhookSecret: string | undefined;
  /** Takes no more, waits for what runs, ends. */
  stop(): Promise<void>;
};

/** How long running jobs are waited for: supervisors kill after 30 s (Docker 10, systemd 90). */
const DRAIN_MS = 25_000;

/** Throws `invalid-configuration`, `invalid-secret` and `usage`, before anything listens. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { configFile, secretsFile, env, handlers } = options;
  const config = await readConfig(configFile);
  const warnings = await checkSecrets(config, secretsFile);
  const state = await openState(stateFolder(configFile), env);
  const accessKeyId = `LOCAL${randomBytes(16).toString("hex")}`;
  const queues = await startQueues(
    config.mirrors.map((mirror) => mirror.name),
    { accessKeyId },
  );
  setEnvironment(env, { configFile, secretsFile, statusFile: state.statusFile, queues, accessKeyId });
  const { log, status } = await servicePorts(env);
  for (const warning of warnings) log("warn", "secret cannot be read", { error: warning });
  const front = await listen(options, log, queues);
  await clearLetterMarks(status);
  // The jobs that an unfinished sweep had made ended with the process: the first sweep begins anew.
  await status.writeCursor({ run: randomUUID(), endedAt: Date.now() });
  const client = new SQSClient({
    endpoint: queues.endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId, secretAccessKey: "local" },
  });
  const pollers = config.mirrors.map(({ name, concurrency }) =>
    startPoller({
      client,
      mirror: name,
      queueUrl: queues.queueUrls[name] ?? "",
      concurrency,
      handler: handlers.worker,
      log,
    }),
  );
  const sweeper = makeSweeper({ handler: handlers.sweep, minutes: config.sweepMinutes, log });
  const operator = await startOperator({
    token: state.token,
    log,
    routes: {
      "GET /status": (query) => readStatus(status, config, query.get("repository") ?? undefined),
      "POST /sweep": (query) => sweeper.sweep(mirrorOf(query, config)),
    },
  });
  await state.announce({ webhook: front.url, operator: operator.url });
  sweeper.begin();
  return {
    url: front.url,
    operatorUrl: operator.url,
    tokenFile: state.tokenFile,
    webhookSecret: config.webhook.secret,
    stop: () => stop({ front, pollers, sweeper, operator, state, queues, client, log }),
  };
}

type Parts = {
  front: Front;
  pollers: Poller[];
  sweeper: Sweeper;
  operator: Operator;
  state: State;
  queues: LocalQueues;
  client: SQSClient;
  log: Log;
};

async function stop(parts: Parts): Promise<void> {
  const { front, pollers, sweeper, operator, state, queues, client, log } = parts;
  front.drain();
  const [left] = await Promise.all([
    Promise.all(pollers.map((poller) => poller.drain(DRAIN_MS))),
    sweeper.stop(DRAIN_MS),
  ]);
  const jobs = left.reduce((sum, count) => sum + count, 0);
  if (jobs > 0) log("warn", "jobs were cut off", { jobs, seconds: DRAIN_MS / 1000 });
  await Promise.all([front.close(), operator.close(), state.withdraw()]);
  client.destroy();
  await queues.close();
}

async function readConfig(file: string): Promise<Config> {
  return parseConfig(await readInput(file, "configuration"));
}

/**
 * One lane's missing secret is that lane's fault and only a warning; a file of which nothing can be used is refused.
 */
async function checkSecrets(config: Config, file: string): Promise<MirrorError[]> {
  await readInput(file, "secrets");
  const sides = [config.source, ...config.mirrors].map((side) => side.secret);
  const names = [...sides, config.webhook.secret, config.webhook.signingSecret].filter((name) => name !== undefined);
  const secrets = new FileSecrets(file);
  const results = await Promise.allSettled(names.map((name) => secrets.read(name)));
  const failures = results.flatMap((result) => (result.status === "rejected" ? [MirrorError.from(result.reason)] : []));
  const [first] = failures;
  if (first !== undefined && failures.length === names.length) throw first;
  return failures;
}

async function readInput(file: string, what: string): Promise<string> {
  return readFile(file, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MirrorError("invalid-configuration", `The ${what} file "${file}" cannot be read: ${reason}.`, { cause });
  });
}

async function listen({ host, port, handlers }: ServiceOptions, log: Log, queues: LocalQueues): Promise<Front> {
  try {
    return await startFront({ host, port, handler: handlers.webhook, log });
  } catch (cause) {
    await queues.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MirrorError("usage", `Port ${port} of ${host} cannot be listened on: ${reason}.`, {
      cause,
      remedy: "Give a free one with --port, and an address of this machine with --host.",
    });
  }
}

function mirrorOf(query: URLSearchParams, config: Config): string | undefined {
  const mirror = query.get("mirror") ?? undefined;
  const known = config.mirrors.map(({ name }) => name);
  if (mirror === undefined || known.some((name) => name === mirror)) return mirror;
  throw new MirrorError("usage", `There is no mirror ${JSON.stringify(mirror)}; expected one of ${known.join(", ")}.`);
}
