// What the tests of the webhook share: a configuration, posts as Gerrit makes them, and ports in memory.
import { readFileSync } from "node:fs";
import { type Config, parseConfig } from "../../src/config.ts";
import { MirrorError } from "../../src/errors.ts";
import type { Job } from "../../src/model/job.ts";
import { Secret } from "../../src/model/secret.ts";
import type { WebhookPorts, WebhookRequest } from "../../src/receive-event.ts";

export const payloads = new URL("../gerrit/payloads/", import.meta.url);
export const recorded = (file: string): Buffer =>
  Buffer.from(JSON.parse(readFileSync(new URL(file, payloads), "utf8")).body);

export const SECRET = "url-secret-of-this-test-0123456789";
export const SIGNING = "signing-secret-of-this-test-0123456789";
export const [A, B, C] = ["a".repeat(40), "b".repeat(40), "c".repeat(40)] as const;
export const ZEROS = "0".repeat(40);
const NOW = 1_795_417_100_000;

export const site = (webhook: object, top: object = {}): Config =>
  parseConfig(
    JSON.stringify({
      source: { url: "https://gerrit.example.com", secret: "gerrit" },
      webhook,
      repositories: ["*"],
      mirrors: {
        github: { host: "github", url: `https://github.com/acme/\${name}.git`, name: { slash: "-" }, secret: "github" },
        backup: {
          host: "git",
          url: `https://git.example.com/\${name}.git`,
          secret: "backup",
          refs: ["refs/*"],
          skip: ["^private/"],
        },
      },
      ...top,
    }),
  );

/** Ports in memory that keep what they were told. */
export function world(
  options: {
    config?: Config;
    secrets?: Record<string, string[]>;
    rotated?: Record<string, string[]>;
    refusing?: string[];
  } = {},
) {
  const { config = site({ secret: "hook" }), refusing = [] } = options;
  const held = options.secrets ?? { hook: [SECRET], signing: [SIGNING] };
  const jobs: { job: Job; id: string }[] = [];
  const reads: string[] = [];
  const metrics: string[] = [];
  const logs: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const ports: WebhookPorts = {
    config,
    status: { announceDeletions: async () => {} },
    queue: {
      send: async (job, id) => {
        if (refusing.includes(job.mirror)) throw new MirrorError("queue-refused", `SQS refused for ${job.mirror}`);
        jobs.push({ job, id });
      },
      postpone: async () => {},
      sendDeadLetter: async () => "",
      sendUnreadable: async () => {},
    },
    secrets: {
      read: async (name, { fresh = false } = {}) => {
        reads.push(fresh ? `${name} fresh` : name);
        const texts = (fresh ? options.rotated?.[name] : undefined) ?? held[name];
        if (texts === undefined) throw new MirrorError("invalid-secret", `no secret "${name}"`);
        return texts.map((text) => new Secret(text));
      },
    },
    metrics: {
      add: (name, value, unit, { mirror = "" } = {}) => metrics.push(`${name} ${value} ${unit} ${mirror}`.trim()),
    },
    log: (level, message, fields = {}) => logs.push({ level, message, fields }),
    clock: () => NOW,
  };
  return { ports, jobs, reads, metrics, logs };
}

export const post = (body: Uint8Array | object, request: Partial<WebhookRequest> = {}): WebhookRequest => ({
  method: "POST",
  path: `/webhook/${SECRET}`,
  headers: {},
  body: body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body)),
  ...request,
});
export const update = (refName: string, rest: object = {}): object => ({
  oldRev: A,
  newRev: B,
  refName,
  project: "ev/one",
  ...rest,
});
export const refUpdated = (refName: string, rest: object = {}): object => ({
  refUpdate: update(refName, rest),
  type: "ref-updated",
  eventCreatedOn: 1_795_417_065,
});
export const batch = (refUpdates: object[]): object => ({
  refUpdates,
  projectName: { name: "ev/one" },
  type: "batch-ref-updated",
});
export const created = recorded("ref-updated.create.json");
