// The real ports from an environment: which variables must be there, and what is said of one that is not.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { servicePorts } from "../../src/adapters/aws.ts";
import { FileSecrets } from "../../src/adapters/file-secrets.ts";
import { ManagerSecrets } from "../../src/adapters/secrets-manager.ts";

const folder = mkdtempSync(join(tmpdir(), "service-ports-"));
afterAll(() => rmSync(folder, { recursive: true }));

const configFile = join(folder, "mirror.config.json");
writeFileSync(
  configFile,
  JSON.stringify({
    source: { url: "https://gerrit.example.com" },
    webhook: { secret: "webhook" },
    repositories: ["platform/*"],
    mirrors: { github: { host: "github", url: `https://github.com/acme/\${name}.git`, secret: "github" } },
  }),
);
const urls = JSON.stringify({ github: "https://sqs.us-east-1.amazonaws.com/1/github.fifo" });
const environment = {
  CONFIG_FILE: configFile,
  QUEUE_URLS: urls,
  DEAD_LETTER_URLS: urls,
  STATUS_FILE: join(folder, "status.sqlite"),
};

describe("servicePorts", () => {
  test("builds every port, with secrets from the file if one is named", async () => {
    const ports = await servicePorts({ ...environment, SECRETS_FILE: join(folder, "secrets.json") });
    expect(ports.config.mirrors.map((mirror) => mirror.name)).toEqual(["github"]);
    expect(ports.secrets).toBeInstanceOf(FileSecrets);
    expect(await ports.status.listRepositories()).toEqual([]);
    expect(ports.clock()).toBeGreaterThan(0);
  });

  test("takes secrets from Secrets Manager if no file is named", async () => {
    expect((await servicePorts(environment)).secrets).toBeInstanceOf(ManagerSecrets);
  });

  test.each(["CONFIG_FILE", "QUEUE_URLS", "DEAD_LETTER_URLS", "STATUS_FILE"])(
    "names %s when it is not set",
    async (name) => {
      await expect(servicePorts({ ...environment, [name]: undefined })).rejects.toMatchObject({
        code: "invalid-configuration",
        message: expect.stringContaining(`${name} is not set`),
      });
    },
  );

  test.each(["{", "[]", '{"github":5}', '{"github":"queue"}'])("refuses %s as queue addresses", async (value) => {
    await expect(servicePorts({ ...environment, QUEUE_URLS: value })).rejects.toMatchObject({
      code: "invalid-configuration",
      message: expect.stringContaining("QUEUE_URLS"),
    });
  });

  test("names a configuration file that cannot be read", async () => {
    const missing = join(folder, "none.json");
    await expect(servicePorts({ ...environment, CONFIG_FILE: missing })).rejects.toThrow(missing);
  });

  test("says that a status table needs a status file for now", async () => {
    await expect(servicePorts({ ...environment, STATUS_FILE: undefined, STATUS_TABLE: "t" })).rejects.toThrow(
      /STATUS_FILE/,
    );
  });
});
