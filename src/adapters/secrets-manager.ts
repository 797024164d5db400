// The Secrets port on AWS Secrets Manager, with a cache, so that a warm function asks once in five minutes.
import {
  GetSecretValueCommand,
  type GetSecretValueResponse,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { MirrorError } from "../errors.ts";
import { Secret } from "../model/secret.ts";
import type { Clock, Secrets } from "../ports.ts";

/** For `new SecretsManagerClient(...)`: a job waits for its secret, so an unreachable endpoint must be known in seconds. */
export const SECRETS_CLIENT_SETTINGS = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
};

const CACHE_MS = 5 * 60_000;
/** Many jobs may see one refused credential at once; each asks for a fresh read. */
const FRESH_MS = 5_000;
/** How long the previous value stays valid after a rotation (design 4). */
const PREVIOUS_MS = 24 * 3_600_000;

type Cached = { startedAt: number; texts: Promise<Secret[]> };

export class ManagerSecrets implements Secrets {
  readonly #client: SecretsManagerClient;
  readonly #clock: Clock;
  readonly #cache = new Map<string, Cached>();

  constructor(options: { client: SecretsManagerClient; clock: Clock }) {
    this.#client = options.client;
    this.#clock = options.clock;
  }

  /** Concurrent reads share one request; a read that failed is not kept. */
  async read(name: string, options: { fresh?: boolean } = {}): Promise<Secret[]> {
    const cached = this.#cache.get(name);
    const now = this.#clock();
    const age = options.fresh === true ? FRESH_MS : CACHE_MS;
    if (cached !== undefined && now - cached.startedAt < age) return await cached.texts;

    const started: Cached = { startedAt: now, texts: this.#fetch(name, now) };
    this.#cache.set(name, started);
    try {
      return await started.texts;
    } catch (error) {
      if (this.#cache.get(name) === started) this.#cache.delete(name);
      throw error;
    }
  }

  async #fetch(name: string, now: number): Promise<Secret[]> {
    const current = await this.#version(name, "AWSCURRENT");
    if (current === undefined) {
      throw new MirrorError(
        "invalid-secret",
        `AWS Secrets Manager has no secret "${name}" in this account and region.`,
        {
          remedy: `Make it: aws secretsmanager create-secret --name '${name}' --secret-string file://SECRET_FILE`,
        },
      );
    }
    // The current version was made at the rotation, so its age says whether the previous one is still valid.
    const rotatedAt = current.CreatedDate?.getTime() ?? now;
    const previous = now - rotatedAt < PREVIOUS_MS ? await this.#version(name, "AWSPREVIOUS") : undefined;
    return [current, ...(previous === undefined ? [] : [previous])].map((version) => textOf(name, version));
  }

  async #version(name: string, stage: string): Promise<GetSecretValueResponse | undefined> {
    try {
      return await this.#client.send(new GetSecretValueCommand({ SecretId: name, VersionStage: stage }));
    } catch (error) {
      if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined;
      throw refused(name, error);
    }
  }
}

function textOf(name: string, { SecretString }: GetSecretValueResponse): Secret {
  if (SecretString !== undefined && SecretString !== "") return new Secret(SecretString);
  throw new MirrorError("invalid-secret", `The secret "${name}" in AWS Secrets Manager is empty or binary, not text.`);
}

/** A person must act on what the service refuses (access, a key, a deleted secret); all else heals. */
function refused(name: string, error: unknown): MirrorError {
  const { name: kind, message } = error instanceof Error ? error : new Error(String(error));
  const text = `AWS Secrets Manager did not give the secret "${name}": ${kind}: ${message}`;
  if (!isRefusal(kind, error)) return new MirrorError("unreachable", text, { cause: error });
  return new MirrorError("invalid-secret", text, {
    remedy: `Allow secretsmanager:GetSecretValue on "${name}" (and kms:Decrypt on its key) to this role; restore the secret if it is being deleted.`,
    cause: error,
  });
}

function isRefusal(kind: string, error: unknown): boolean {
  const metadata = (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata;
  const status = metadata?.httpStatusCode ?? 0;
  return status >= 400 && status < 500 && status !== 429 && !/throttl|toomanyrequests|limitexceeded/i.test(kind);
}
