// A configuration whose Gerrit is the stand-in of the webhooks plugin's REST API, its secrets, and the command on them.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { gerritMirror } from "../git/command.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";
import { OWNER, startWebhooksRest, type WebhooksRest, type WebhooksRestOptions } from "./webhooks-rest.ts";

export const SECRET = "url-secret-of-this-test-0123456789";
export const SIGNING = "signing-secret-of-this-test-0123456789";
export const PUBLIC = "https://mirror.example.com";
export const ADMIN_AUTH = { GERRIT_MIRROR_ADMIN_AUTH: `${OWNER.username}:${OWNER.password}` };

export type WebhookSite = Awaited<ReturnType<typeof startWebhookSite>>;

export async function startWebhookSite(
  options: WebhooksRestOptions = {},
  webhook: object = { secret: "hook", signingSecret: "sign" },
) {
  const folder = await makeTemporaryFolder();
  const rest = await startWebhooksRest(options);
  const configFile = join(folder.path, "mirror.config.json");
  const secretsFile = join(folder.path, "secrets.json");
  const text = JSON.stringify({
    source: { url: rest.url, secret: "gerrit" },
    webhook,
    repositories: ["*"],
    mirrors: { main: { host: "git", url: `https://git.example.com/\${name}`, secret: "host" } },
  });
  await writeFile(configFile, text);
  const writeSecrets = (change: object = {}): Promise<void> =>
    writeFile(secretsFile, JSON.stringify({ hook: SECRET, sign: SIGNING, gerrit: OWNER, ...change }), { mode: 0o600 });
  await writeSecrets();
  return {
    folder: folder.path,
    rest,
    config: parseConfig(text),
    secretsFile,
    writeSecrets,
    secrets: async () => JSON.parse(await readFile(secretsFile, "utf8")) as Record<string, unknown>,
    /** Checks on the way that no secret is shown. */
    run: async (words: readonly string[], env: Readonly<Record<string, string>> = {}) => {
      const flags = ["--config", configFile, "--secrets", secretsFile];
      const result = await gerritMirror(["webhook", ...words, ...flags], { env: { HOME: folder.path, ...env } });
      for (const secret of [SECRET, SIGNING, OWNER.password])
        expect(result.stdout + result.stderr).not.toContain(secret);
      return result;
    },
    [Symbol.asyncDispose]: async () => {
      await rest[Symbol.asyncDispose]();
      await folder.remove();
    },
  };
}

export const puts = (rest: WebhooksRest): number => rest.requests.filter(({ method }) => method === "PUT").length;
export const hookUrl = (rest: WebhooksRest, project = "All-Projects"): string =>
  String(rest.inForce(project)["gerrit-mirror"]?.url);
