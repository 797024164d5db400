// The environment that the handlers find on one machine: the variables of the contract, and an AWS that is this process.
import { devNull } from "node:os";
import { ENV } from "../src/contract.ts";
import { LOCAL_REGION, type LocalQueues } from "./queues.ts";

export type LocalEnvironment = {
  configFile: string;
  secretsFile: string;
  statusFile: string;
  queues: LocalQueues;
  accessKeyId: string;
};

/** Whatever of AWS the caller's environment or home holds must not be met: the SDK would ask or sign elsewhere. */
const UNWANTED = [
  "AWS_SESSION_TOKEN",
  "AWS_PROFILE",
  "AWS_ENDPOINT_URL",
  "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
  "AWS_USE_FIPS_ENDPOINT",
  "AWS_USE_DUALSTACK_ENDPOINT",
];

/** Sets the variables in `env`, which is `process.env` for handlers that run in this process. */
export function setEnvironment(env: Record<string, string | undefined>, local: LocalEnvironment): void {
  for (const name of UNWANTED) delete env[name];
  Object.assign(env, {
    [ENV.configFile]: local.configFile,
    [ENV.secretsFile]: local.secretsFile,
    [ENV.statusFile]: local.statusFile,
    [ENV.queueUrls]: JSON.stringify(local.queues.queueUrls),
    [ENV.deadLetterUrls]: JSON.stringify(local.queues.deadLetterUrls),
    AWS_REGION: LOCAL_REGION,
    AWS_ENDPOINT_URL_SQS: local.queues.endpoint,
    AWS_ACCESS_KEY_ID: local.accessKeyId,
    AWS_SECRET_ACCESS_KEY: "local",
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
  });
}
