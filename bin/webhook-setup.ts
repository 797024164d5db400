// What `gerrit-mirror webhook` works on: Gerrit with an account that may change it, the webhook's secret, the receiver's address.

import { readConfigFile } from "../src/adapters/config-file.ts";
import { createHttpClients } from "../src/adapters/http-clients.ts";
import { openSecrets } from "../src/adapters/secrets.ts";
import { findWebhook, stateFolder } from "../src/adapters/state-folder.ts";
import type { Config } from "../src/config.ts";
import { sourceAuthorization } from "../src/endpoints.ts";
import { MirrorError } from "../src/errors.ts";
import { parseWebhookSecret } from "../src/gerrit/secret.ts";
import { isLoopback, parseReceiverBase, partsOfWebhookUrl } from "../src/gerrit/webhook-url.ts";
import { authorizationHeader } from "../src/host/credentials.ts";
import { Secret } from "../src/model/secret.ts";
import type { Secrets } from "../src/ports.ts";
import { probeReceiver } from "../src/webhook-probe.ts";
import type { Probe, WebhookSetup, WebhookState } from "../src/webhook-setup.ts";
import type { Environment } from "./exit-codes.ts";

export const WEBHOOK_OPTIONS = {
  project: { type: "string", default: "All-Projects" },
  name: { type: "string", default: "gerrit-mirror" },
  url: { type: "string" },
  hooks: { type: "string" },
  config: { type: "string", default: "mirror.config.json" },
  secrets: { type: "string" },
  yes: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

export type WebhookFlags = {
  project: string;
  name: string;
  url?: string;
  hooks?: string;
  config: string;
  secrets?: string;
  yes: boolean;
  json: boolean;
};

export type WebhookContext = {
  config: Config;
  setup: WebhookSetup;
  secretName: string;
  /** Current first. */
  valid: Secret[];
  probe: Probe;
  close(): void;
};

/** Throws `usage`, `invalid-configuration` and `invalid-secret`. */
export async function openWebhook(flags: WebhookFlags, env: Environment): Promise<WebhookContext> {
  const { project, name } = checkNames(flags);
  const config = await readConfigFile(flags.config);
  const secretName = config.webhook.secret;
  if (secretName === undefined) {
    throw new MirrorError(
      "invalid-configuration",
      "`webhook.secret` is not configured, and Gerrit's plugin cannot sign.",
      {
        remedy: "Name a secret in `webhook.secret`, or install the signing hook with --hooks DIR.",
      },
    );
  }
  const secrets = await openSecrets(flags.secrets, Date.now);
  const clients = createHttpClients({ proxyEnv: env, secrets });
  try {
    const valid = await readValid(secrets, secretName);
    const authorization = await adminAuthorization(config, secrets, env);
    const gerrit = { http: await clients.for(config.source.ca), url: config.source.url, authorization };
    const receiver = await clients.for();
    const probe: Probe = (url) => probeReceiver(receiver, url);
    return { config, setup: { gerrit, project, name }, secretName, valid, probe, close: () => clients.close() };
  } catch (error) {
    clients.close();
    throw error;
  }
}

/** The secret that signs, and where to. Throws `usage`, `invalid-configuration` and `invalid-secret`. */
export async function openSigning(flags: WebhookFlags): Promise<{ url: string; secret: Secret }> {
  const config = await readConfigFile(flags.config);
  const name = config.webhook.signingSecret;
  if (name === undefined) {
    throw new MirrorError(
      "invalid-configuration",
      "`webhook.signingSecret` is not configured; the hook signs with it.",
      {
        remedy: "Name a secret of its own there, another than `webhook.secret`, and restart the service.",
      },
    );
  }
  const [secret] = await readValid(await openSecrets(flags.secrets, Date.now), name);
  if (secret === undefined) throw new MirrorError("invalid-secret", `The secret "${name}" has no value.`);
  return { url: `${await findBase(flags, undefined)}/webhook`, secret };
}

/** --url, else where the remote leads already, else the running service. Throws `usage` when nothing says it. */
export async function findBase(flags: WebhookFlags, state: WebhookState | undefined): Promise<string> {
  const known = await knownBase(flags, state);
  const there = state?.ours === undefined ? undefined : partsOfWebhookUrl(state.ours.url)?.base;
  const base = known ?? there;
  if (base !== undefined) return base;
  throw new MirrorError("usage", "Where Gerrit shall post to is not known: no service runs beside the configuration.", {
    remedy: "Give the receiver's address as Gerrit reaches it: --url https://mirror.example.com",
  });
}

/**
 * Where posts should go, if that is known: --url, or the running service's own address. The latter says nothing of a remote
 * that leads elsewhere than to loopback, since a proxy with an address of its own may stand before the service.
 */
export async function knownBase(flags: WebhookFlags, state: WebhookState | undefined): Promise<string | undefined> {
  if (flags.url !== undefined) return parseReceiverBase("--url", flags.url);
  const there = state?.ours === undefined ? undefined : partsOfWebhookUrl(state.ours.url)?.base;
  if (there !== undefined && !isLoopback(there)) return undefined;
  return findWebhook(stateFolder(flags.config));
}

function checkNames({ project, name }: WebhookFlags): { project: string; name: string } {
  if (!/^[\w][\w.-]{0,99}$/.test(name)) {
    throw new MirrorError("usage", `--name is ${JSON.stringify(name)}; expected letters, digits, "-", "_" and ".".`);
  }
  if (project === "") throw new MirrorError("usage", "--project is empty; expected a project's name.");
  return { project, name };
}

async function readValid(secrets: Secrets, name: string): Promise<Secret[]> {
  return (await secrets.read(name)).map((text) => parseWebhookSecret(name, text));
}

async function adminAuthorization(config: Config, secrets: Secrets, env: Environment): Promise<Secret> {
  const given = env.GERRIT_MIRROR_ADMIN_AUTH;
  if (given !== undefined && given !== "") {
    const [, username, password] = /^([^:]+):(.+)$/s.exec(given) ?? [];
    if (username !== undefined && password !== undefined) {
      return authorizationHeader("git", { username, password: new Secret(password) });
    }
    throw new MirrorError("usage", "GERRIT_MIRROR_ADMIN_AUTH is not of the form `user:password`.");
  }
  const configured = await sourceAuthorization(config, secrets, { fresh: false });
  if (configured !== undefined) return configured;
  throw new MirrorError("usage", "Gerrit's settings need an account, and `source.secret` is not configured.", {
    remedy: "Set GERRIT_MIRROR_ADMIN_AUTH='user:password' of an administrator.",
  });
}
