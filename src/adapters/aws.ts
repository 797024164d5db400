// Builds the service's real ports from the environment; each adapter is loaded only where it is used.
import type { Config } from "../config.ts";
import { ENV } from "../contract.ts";
import { MirrorError } from "../errors.ts";
import type { Clock, HttpClients, Log, Metrics, Queue, Secrets, StatusStore } from "../ports.ts";
import { readConfigFile } from "./config-file.ts";
import { emfMetrics } from "./emf-metrics.ts";
import { createHttpClients } from "./http-clients.ts";
import { jsonLog } from "./json-log.ts";
import { openSecrets } from "./secrets.ts";

export type ServicePorts = {
  config: Config;
  queue: Queue;
  secrets: Secrets;
  metrics: Metrics;
  log: Log;
  clock: Clock;
  status: StatusStore;
  clients: HttpClients;
};

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * To be called once a process. `environment` holds the variables of contract.ts's ENV; the AWS SDK reads its own
 * (region, credentials, endpoints) from the process. Throws `invalid-configuration` naming the variable.
 */
export async function servicePorts(environment: Environment): Promise<ServicePorts> {
  const clock = Date.now;
  const config = await readConfigFile(required(environment, ENV.configFile, "the path of the configuration file"));
  const [queue, secrets] = await Promise.all([
    openQueue(environment),
    openSecrets(environment[ENV.secretsFile] || undefined, clock),
  ]);
  const status = await openStatus(environment);
  const clients = createHttpClients({ proxyEnv: environment, secrets });
  const output = { write: writeLine, clock };
  return {
    config,
    queue,
    secrets,
    metrics: emfMetrics(output),
    log: jsonLog(output),
    clock,
    status,
    clients,
  };
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function openQueue(environment: Environment): Promise<Queue> {
  const queueUrls = requiredUrls(environment, ENV.queueUrls);
  const deadLetterUrls = requiredUrls(environment, ENV.deadLetterUrls);
  const [{ SQSClient }, { SQS_CLIENT_SETTINGS, SqsQueue }] = await Promise.all([
    import("@aws-sdk/client-sqs"),
    import("./sqs-queue.ts"),
  ]);
  return new SqsQueue({ queueUrls, deadLetterUrls, client: new SQSClient(SQS_CLIENT_SETTINGS) });
}

async function openStatus(environment: Environment): Promise<StatusStore> {
  const file = environment[ENV.statusFile];
  if (!file && environment[ENV.statusTable]) {
    throw new MirrorError(
      "invalid-configuration",
      `The variable ${ENV.statusTable} names a DynamoDB table, whose adapter comes with the deployment; set ${ENV.statusFile} to the path of a status file.`,
    );
  }
  const path = required(environment, ENV.statusFile, "the path of the status file");
  const { SqliteStatus } = await import("./sqlite-status.ts");
  return new SqliteStatus(path);
}

function required(environment: Environment, name: string, what: string): string {
  const value = environment[name];
  if (value) return value;
  throw new MirrorError("invalid-configuration", `The environment variable ${name} is not set; it must hold ${what}.`);
}

function requiredUrls(environment: Environment, name: string): Record<string, string> {
  const what = 'a JSON object of mirror names and queue URLs, as {"github": "https://..."}';
  const text = required(environment, name, what);
  const urls = parseJson(text);
  if (isUrls(urls)) return urls;
  throw new MirrorError(
    "invalid-configuration",
    `The environment variable ${name} is ${JSON.stringify(text.slice(0, 200))}; it must hold ${what}.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isUrls(value: unknown): value is Record<string, string> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((url) => typeof url === "string" && URL.canParse(url))
  );
}
