// The whole service of one machine with stand-ins for the three handlers.
import { randomUUID } from "node:crypto";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Handlers, type Service, startService } from "../../local/service.ts";
import { SqliteStatus } from "../../src/adapters/sqlite-status.ts";
import { findOperator, stateFolder } from "../../src/adapters/state-folder.ts";
import { ENV } from "../../src/contract.ts";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import { gerritMirror } from "../git/command.ts";
import { makeTemporaryFolder, type TemporaryFolder } from "../support/temporary-folder.ts";

const CONFIG = {
  source: { url: "https://gerrit.example.com" },
  webhook: { secret: "webhook" },
  repositories: ["*"],
  mirrors: { one: { host: "git", url: `https://git.example.com/\${name}.git`, secret: "one" } },
};

let temporary: TemporaryFolder;
let configFile: string;
let secretsFile: string;
let env: Record<string, string | undefined>;
let service: Service | undefined;
let jobs: { body: string; end(): void }[];
let onJob: () => void;
let sweeps: unknown[];

beforeEach(async () => {
  temporary = await makeTemporaryFolder();
  configFile = join(temporary.path, "mirror.config.json");
  secretsFile = join(temporary.path, "secrets.json");
  await writeFile(configFile, JSON.stringify(CONFIG));
  await writeFile(secretsFile, JSON.stringify({ webhook: "path-secret", one: { token: "t" } }), { mode: 0o600 });
  env = { XDG_STATE_HOME: join(temporary.path, "xdg"), AWS_PROFILE: "someone", AWS_SESSION_TOKEN: "session" };
  jobs = [];
  sweeps = [];
  onJob = () => {};
});

afterEach(async () => {
  for (const job of jobs) job.end();
  await service?.stop();
  service = undefined;
  await temporary.remove();
});

describe("the service", () => {
  test("takes a post, and gives the lane's worker what the webhook queued", async () => {
    const { url } = await start();
    expect((await fetch(`${url}/webhook/path-secret`, { method: "POST", body: "job 1" })).status).toBe(200);
    expect((await job(0)).body).toBe("job 1");
  });

  test("shows the handlers an AWS that is this process, whatever the caller's environment says", async () => {
    await start();
    expect(env).toMatchObject({
      [ENV.configFile]: configFile,
      [ENV.secretsFile]: secretsFile,
      [ENV.statusFile]: join(temporary.path, ".gerrit-mirror", "status.sqlite"),
      AWS_REGION: "us-east-1",
      AWS_ENDPOINT_URL_SQS: expect.stringMatching(/^http:\/\/127\.0\.0\.1:/),
    });
    expect(Object.keys(JSON.parse(env[ENV.queueUrls] ?? ""))).toEqual(["one"]);
    expect(Object.keys(JSON.parse(env[ENV.deadLetterUrls] ?? ""))).toEqual(["one"]);
    expect(env).not.toHaveProperty("AWS_PROFILE");
    expect(env).not.toHaveProperty("AWS_SESSION_TOKEN");
  });

  test("sweeps at the start, and lets an operator see the status and sweep a lane", async () => {
    const { url } = await start();
    const operator = await findOperator(url, { stateFolder: join(temporary.path, "elsewhere"), env });
    const headers = { authorization: `Bearer ${operator.token.expose()}` };
    const status = await fetch(`${operator.url}/status`, { headers });
    expect(await status.json()).toEqual({ totals: {}, lanes: [], repositories: [] });
    const swept = await fetch(`${operator.url}/sweep?mirror=one`, { method: "POST", headers });
    expect(await swept.json()).toEqual({ compared: 0 });
    const unknown = await fetch(`${operator.url}/sweep?mirror=two`, { method: "POST", headers });
    expect([unknown.status, await unknown.json()]).toMatchObject([
      400,
      { error: { message: expect.stringMatching(/"two"; expected one of one/) } },
    ]);
    expect(sweeps).toEqual([{}, { mirror: "one" }]);
  });

  test("counts no letter as open after a start, since they were in memory", async () => {
    const mirror = "one" as MirrorName;
    const repository = "tools/build" as RepositoryName;
    await (await start()).stop();
    const store = new SqliteStatus(env[ENV.statusFile] ?? "");
    const letter = { id: "1", at: 1, code: "rejected", difference: "d" };
    await store.writeRepository({ mirror, repository, state: "failed", since: 1, attempts: 0, letter });
    await start();
    const kept = await store.readRepository(mirror, repository);
    expect(kept).toMatchObject({ state: "failed", since: 1 });
    expect(kept).not.toHaveProperty("letter");
    store.close();
  });

  test("begins its first sweep anew, whatever an earlier one left unfinished", async () => {
    await (await start()).stop();
    const store = new SqliteStatus(env[ENV.statusFile] ?? "");
    await store.writeCursor({ run: "before", after: "tools/build" as RepositoryName });
    await start();
    const cursor = await store.readCursor();
    expect(cursor).toEqual({ run: expect.any(String), endedAt: expect.any(Number) });
    expect(cursor?.run).not.toBe("before");
    store.close();
  });

  test("shows nothing of what the configuration no longer mirrors, and `status` ends with 0", async () => {
    await writeFile(configFile, JSON.stringify({ ...CONFIG, skip: ["skipped"] }));
    const { url, stop } = await start();
    const store = new SqliteStatus(env[ENV.statusFile] ?? "");
    const item = (mirror: string, repository: string, state: "equal" | "failed") =>
      store.writeRepository({
        ...{ mirror: mirror as MirrorName, repository: repository as RepositoryName },
        ...{ state, since: 1, attempts: 0 },
      });
    await item("one", "kept", "equal");
    await item("one", "skipped", "failed");
    await item("removed", "kept", "failed");
    await store.writeLane({ mirror: "removed" as MirrorName, state: "down", since: 1, failing: [] });
    store.close();
    const words = ["status", "--json", "--local", url, "--config", configFile];
    const run = await gerritMirror(words, { env: { XDG_STATE_HOME: env.XDG_STATE_HOME ?? "" } });
    await stop();
    expect(run.json()).toMatchObject({ totals: { equal: 1 }, lanes: [], repositories: [{ repository: "kept" }] });
    expect((run.json().repositories as unknown[]).length).toBe(1);
    expect([run.code, run.stderr]).toEqual([0, ""]);
  });

  test("waits for the running job when stopped, unhealthy meanwhile, and leaves only its state behind", async () => {
    const running = await start();
    await fetch(`${running.url}/webhook/path-secret`, { method: "POST", body: "job 1" });
    const held = await job(0);
    let ended = false;
    const stopping = running.stop().then(() => {
      ended = true;
    });
    expect((await fetch(`${running.url}/health`)).status).toBe(503);
    expect(ended).toBe(false);
    held.end();
    await stopping;
    await expect(fetch(`${running.url}/health`)).rejects.toThrow();
    const kept = await readdir(stateFolder(configFile));
    expect(kept.filter((name) => !name.startsWith("status.sqlite"))).toEqual(["operator-token"]);
    service = undefined;
  });
});

describe("the service does not start", () => {
  test("without its files", async () => {
    configFile = join(temporary.path, "none.json");
    await expect(start()).rejects.toMatchObject({
      code: "invalid-configuration",
      message: expect.stringMatching(/none\.json/),
    });
    configFile = join(temporary.path, "mirror.config.json");
    secretsFile = join(temporary.path, "no-secrets.json");
    await expect(start()).rejects.toMatchObject({
      code: "invalid-configuration",
      message: expect.stringMatching(/no-secrets\.json/),
    });
  });

  test("with a configuration that is wrong", async () => {
    await writeFile(configFile, JSON.stringify({ ...CONFIG, sweepMinutes: "often" }));
    await expect(start()).rejects.toMatchObject({
      code: "invalid-configuration",
      message: expect.stringMatching(/sweepMinutes/),
    });
  });

  test("with secrets that others can read", async () => {
    await chmod(secretsFile, 0o644);
    await expect(start()).rejects.toMatchObject({ code: "invalid-secret", remedy: expect.stringMatching(/chmod 600/) });
  });

  test("on a port that is taken, but does with one lane's missing secret", async () => {
    await writeFile(secretsFile, JSON.stringify({ webhook: "path-secret" }), { mode: 0o600 });
    const { url } = await start();
    await expect(start(Number(new URL(url).port))).rejects.toMatchObject({
      code: "usage",
      message: expect.stringMatching(/cannot be listened on/),
    });
  });
});

async function start(port = 0): Promise<Service> {
  const started = await startService({ configFile, secretsFile, host: "127.0.0.1", port, env, handlers });
  service = started;
  return started;
}

const handlers: Handlers = {
  webhook: async (event) => {
    const client = new SQSClient({
      endpoint: env.AWS_ENDPOINT_URL_SQS ?? "",
      region: "us-east-1",
      credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID ?? "", secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? "" },
    });
    await client.send(
      new SendMessageCommand({
        QueueUrl: JSON.parse(env[ENV.queueUrls] ?? "").one,
        MessageBody: Buffer.from(event.body ?? "", "base64").toString(),
        MessageGroupId: "group",
        MessageDeduplicationId: randomUUID(),
      }),
    );
    client.destroy();
    return { statusCode: 200 };
  },
  worker: (event) =>
    new Promise((resolve) => {
      jobs.push({ body: event.Records[0]?.body ?? "", end: () => resolve({ batchItemFailures: [] }) });
      onJob();
    }),
  sweep: async (event) => {
    sweeps.push(event);
    return { compared: 0 };
  },
};

async function job(index: number): Promise<{ body: string; end(): void }> {
  for (;;) {
    const found = jobs[index];
    if (found) return found;
    await new Promise<void>((resolve) => {
      onJob = resolve;
    });
  }
}
