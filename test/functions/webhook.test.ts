// The Lambda behind the function URL: payload 2.0 in, answer out, through the real ports to a queue on loopback.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LambdaFunctionURLEvent } from "aws-lambda";
import { afterEach, describe, expect, test, vi } from "vitest";
import { answerPost, handler } from "../../functions/webhook.ts";
import { ENV } from "../../src/contract.ts";
import { created, SECRET, world } from "../support/webhook-world.ts";

/** A function URL's event, with the fields that AWS documents for payload 2.0. */
function functionUrlEvent(
  body: Buffer | undefined,
  base64: boolean,
  path = `/webhook/${SECRET}`,
): LambdaFunctionURLEvent {
  const http = {
    method: "POST",
    path,
    protocol: "HTTP/1.1",
    sourceIp: "192.0.2.7",
    userAgent: "Apache-HttpClient/4.5.14",
  };
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: "",
    headers: { "content-type": "application/json; charset=utf-8" },
    requestContext: {
      accountId: "anonymous",
      apiId: "id",
      domainName: "id.lambda-url.eu-central-1.on.aws",
      domainPrefix: "id",
      http,
      requestId: "request",
      routeKey: "$default",
      stage: "$default",
      time: "24/Nov/2026:20:30:00 +0000",
      timeEpoch: 1_795_500_000_000,
    },
    ...(body !== undefined && { body: body.toString(base64 ? "base64" : "utf8") }),
    isBase64Encoded: base64,
  };
}

const JSON_TYPE = { "content-type": "application/json" };

describe("with its ports given", () => {
  test.each([true, false])("a body is taken as the bytes that were posted (base64: %s)", async (base64) => {
    const { ports, jobs } = world();
    const body = Buffer.from(created.toString("utf8").replace("ev/one", "ev/grün"));
    expect(await answerPost(functionUrlEvent(body, base64), ports)).toEqual({
      statusCode: 200,
      headers: JSON_TYPE,
      body: '{"queued":["github","backup"]}',
    });
    expect(jobs[0]?.job.repository).toBe("ev/grün");
  });

  test("a post without a body is no event", async () => {
    expect(await answerPost(functionUrlEvent(undefined, false), world().ports)).toMatchObject({ statusCode: 400 });
  });

  test("a fault of ours is 429 and an error in the log, never a 5xx", async () => {
    const { ports, logs } = world();
    const broken = {
      ...ports,
      metrics: {
        add: () => {
          throw new TypeError("no metrics today");
        },
      },
    };
    expect(await answerPost(functionUrlEvent(created, true), broken)).toMatchObject({
      statusCode: 429,
      headers: JSON_TYPE,
    });
    expect(logs.at(-1)).toMatchObject({ level: "error", fields: { code: "internal", error: "no metrics today" } });
  });
});

describe("with ports from the environment", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  test("without an environment it answers 429 and says what is missing; set right, the next post is queued", async () => {
    const lines: string[] = [];
    vi.spyOn(console, "log").mockImplementation((line) => lines.push(line));
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
    vi.stubEnv(ENV.configFile, undefined);
    expect(await handler(functionUrlEvent(created, true))).toMatchObject({ statusCode: 429 });
    expect(lines.join()).toContain(ENV.configFile);

    await using queue = await listeningQueue();
    await using folder = await serviceFolder(queue.url);
    for (const [name, value] of Object.entries(folder.environment)) vi.stubEnv(name, value);
    expect(await handler(functionUrlEvent(created, true))).toMatchObject({
      statusCode: 200,
      body: '{"queued":["github"]}',
    });
    expect(queue.sent).toEqual([expect.objectContaining({ QueueUrl: `${queue.url}/000000000000/github.fifo` })]);
    expect(JSON.parse(String(queue.sent[0]?.MessageBody))).toMatchObject({ mirror: "github", repository: "ev/one" });
  });
});

/** Takes each SendMessage, as SQS's JSON protocol does. */
async function listeningQueue() {
  const sent: Record<string, unknown>[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const message: Record<string, unknown> = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    sent.push(message);
    // The SDK checks the sum.
    const MD5OfMessageBody = createHash("md5").update(String(message.MessageBody)).digest("hex");
    response
      .setHeader("content-type", "application/x-amz-json-1.0")
      .end(JSON.stringify({ MessageId: "1", MD5OfMessageBody }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, sent, [Symbol.asyncDispose]: stop };
}

/** Files and variables of a service with one lane. */
async function serviceFolder(queueUrl: string) {
  const folder = await mkdtemp(join(tmpdir(), "webhook-"));
  const lane = { host: "git", url: `https://git.example.com/\${name}.git`, secret: "git" };
  const config = {
    source: { url: "https://gerrit.example.com" },
    webhook: { secret: "hook" },
    repositories: ["*"],
    mirrors: { github: lane },
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  await writeFile(join(folder, "secrets.json"), JSON.stringify({ hook: SECRET }), { mode: 0o600 });
  const environment = {
    [ENV.configFile]: join(folder, "config.json"),
    [ENV.secretsFile]: join(folder, "secrets.json"),
    [ENV.statusFile]: join(folder, "status.sqlite"),
    [ENV.queueUrls]: JSON.stringify({ github: `${queueUrl}/000000000000/github.fifo` }),
    [ENV.deadLetterUrls]: JSON.stringify({ github: `${queueUrl}/000000000000/github-dead.fifo` }),
    AWS_ENDPOINT_URL: queueUrl,
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
  };
  return { environment, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}
