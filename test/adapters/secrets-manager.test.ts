// Secrets Manager over the wire: the real SDK against a small server that speaks the service's JSON protocol.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ManagerSecrets } from "../../src/adapters/secrets-manager.ts";

type Answer = { status?: number; body: Record<string, unknown> };

const NOT_FOUND: Answer = { status: 400, body: { __type: "ResourceNotFoundException", Message: "no such secret" } };
const HOUR = 3_600_000;

describe("ManagerSecrets", () => {
  let server: Server;
  let client: SecretsManagerClient;
  let secrets: ManagerSecrets;
  let now: number;
  let asked: string[];
  let answers: Record<string, Answer>;

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const { SecretId, VersionStage } = JSON.parse(await text(request));
      asked.push(`${request.headers["x-amz-target"]} ${SecretId} ${VersionStage}`);
      const { status, body } = answers[VersionStage] ?? NOT_FOUND;
      response.writeHead(status ?? 200, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    client = new SecretsManagerClient({
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: "us-east-1",
      credentials: { accessKeyId: "id", secretAccessKey: "key" },
      maxAttempts: 1,
    });
  });
  beforeEach(() => {
    now = Date.UTC(2025, 0, 2);
    asked = [];
    answers = { AWSCURRENT: version("current", 48 * HOUR) };
    secrets = new ManagerSecrets({ client, clock: () => now });
  });
  afterAll(async () => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  function version(secret: string, ageMs: number): Answer {
    return { body: { SecretString: secret, CreatedDate: (now - ageMs) / 1000 } };
  }

  async function read(fresh = false): Promise<string[]> {
    return (await secrets.read("site/gerrit", { fresh })).map((secret) => secret.expose());
  }

  test("asks once in five minutes for a secret that was not rotated lately", async () => {
    expect(await read()).toEqual(["current"]);
    now += 5 * 60_000 - 1;
    expect(await read()).toEqual(["current"]);
    expect(asked).toEqual(["secretsmanager.GetSecretValue site/gerrit AWSCURRENT"]);
    now += 1;
    answers = { AWSCURRENT: version("next", 48 * HOUR) };
    expect(await read()).toEqual(["next"]);
  });

  test("gives the previous value after the current one for 24 hours after a rotation", async () => {
    answers = { AWSCURRENT: version("current", 23 * HOUR), AWSPREVIOUS: version("previous", 900 * HOUR) };
    expect(await read()).toEqual(["current", "previous"]);
    now += 2 * HOUR;
    expect(await read()).toEqual(["current"]);
  });

  test("gives a new secret that has no previous value", async () => {
    answers = { AWSCURRENT: version("current", 0) };
    expect(await read()).toEqual(["current"]);
  });

  test("reads at once when asked for fresh, but at most once in five seconds", async () => {
    await read();
    now += 5_000;
    answers = { AWSCURRENT: version("next", 48 * HOUR) };
    expect(await read(true)).toEqual(["next"]);
    now += 4_999;
    await read(true);
    expect(asked).toHaveLength(2);
    now += 1;
    await read(true);
    expect(asked).toHaveLength(3);
  });

  test("shares one request between concurrent reads", async () => {
    await Promise.all([read(), read(true), read()]);
    expect(asked).toHaveLength(1);
  });

  test("names a secret that is not there, and asks again the next time", async () => {
    answers = {};
    await expect(read()).rejects.toMatchObject({
      code: "invalid-secret",
      message: expect.stringContaining('no secret "site/gerrit"'),
    });
    answers = { AWSCURRENT: version("made", 48 * HOUR) };
    expect(await read()).toEqual(["made"]);
  });

  test.each([
    ["AccessDeniedException", 400, "invalid-secret"],
    ["DecryptionFailure", 400, "invalid-secret"],
    ["ThrottlingException", 400, "unreachable"],
    ["InternalServiceError", 500, "unreachable"],
  ])("reports %s as what it is", async (type, status, code) => {
    answers = { AWSCURRENT: { status, body: { __type: type, Message: "said so" } } };
    await expect(read()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(`"site/gerrit".*${type}: said so`),
    });
  });

  test("refuses a binary or empty secret", async () => {
    answers = { AWSCURRENT: { body: { SecretBinary: "AAAA", CreatedDate: 1 } } };
    await expect(read()).rejects.toMatchObject({
      code: "invalid-secret",
      message: expect.stringContaining("site/gerrit"),
    });
  });
});
