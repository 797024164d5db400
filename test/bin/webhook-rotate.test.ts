// `gerrit-mirror webhook rotate` as a person runs it: at no moment does Gerrit hold a secret that the receiver refuses.
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startWebhookReceiver } from "../support/webhook-receiver.ts";
import { hookUrl, SECRET, startWebhookSite } from "../support/webhook-site.ts";
import { refUpdated } from "../support/webhook-world.ts";

test("rotating loses no event: whatever URL Gerrit has at each moment, the receiver takes its posts", async () => {
  await using site = await startWebhookSite();
  await using receiver = await startWebhookReceiver(site);
  await site.run(["install", "--url", receiver.url, "--yes"]);
  await chmod(site.secretsFile, 0o400);
  const post = async () => {
    const { status } = await fetch(hookUrl(site.rest), {
      method: "POST",
      body: JSON.stringify(refUpdated("refs/heads/x")),
    });
    expect(status).toBe(200);
    return undefined;
  };
  site.rest.options.onPut = post;
  const before = hookUrl(site.rest);
  const { code, stdout } = await site.run(["rotate", "--yes"]);
  expect(stdout).toContain("Gerrit posts with the new secret");
  expect(code).toBe(0);
  await post();
  const [next, previous] = (await site.secrets()).hook as string[];
  expect(next).toMatch(/^[0-9a-f]{64}$/);
  expect(previous).toBe(SECRET);
  expect(hookUrl(site.rest)).toBe(`${receiver.url}/webhook/${next}`);
  expect(stdout).not.toContain(next);
  expect((await fetch(before, { method: "POST", body: "{}" })).status).toBe(400);
  expect((await stat(site.secretsFile)).mode & 0o777).toBe(0o400);
  expect(Object.keys(await site.secrets())).toEqual(["hook", "sign", "gerrit"]);
});

test("rotating keeps both valid when Gerrit fails, and goes on from there without a third secret", async () => {
  await using site = await startWebhookSite();
  await using receiver = await startWebhookReceiver(site);
  await site.run(["install", "--url", receiver.url, "--yes"]);
  site.rest.options.onPut = () => 503;
  expect(await site.run(["rotate", "--yes"])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("both valid"),
  });
  const secrets = (await site.secrets()).hook as string[];
  expect(secrets[1]).toBe(SECRET);
  expect(hookUrl(site.rest)).toBe(`${receiver.url}/webhook/${SECRET}`);
  expect((await site.run(["rotate", "--yes"])).code).toBe(1);
  expect((await site.secrets()).hook).toEqual(secrets);
  delete site.rest.options.onPut;
  const { code, json } = await site.run(["rotate", "--yes", "--json"]);
  expect(code).toBe(0);
  expect(json()).toMatchObject({ resumed: true, written: true, problems: [] });
  expect((await site.secrets()).hook).toEqual(secrets);
  expect(hookUrl(site.rest)).toBe(`${receiver.url}/webhook/${secrets[0]}`);
});

test("rotating leaves Gerrit alone when the receiver does not know the new secret", async () => {
  await using site = await startWebhookSite();
  await mkdir(join(site.folder, "other"));
  const elsewhere = join(site.folder, "other", "secrets.json");
  await writeFile(elsewhere, await readFile(site.secretsFile), { mode: 0o600 });
  await using receiver = await startWebhookReceiver({ ...site, secretsFile: elsewhere });
  await site.run(["install", "--url", receiver.url, "--yes"]);
  const { code, stdout } = await site.run(["rotate", "--yes"]);
  expect(code).toBe(1);
  expect(stdout).toContain("Copy the secret there");
  expect(hookUrl(site.rest)).toBe(`${receiver.url}/webhook/${SECRET}`);
});

test("rotating changes nothing when Gerrit posts with no valid secret", async () => {
  await using site = await startWebhookSite();
  const { code, stderr } = await site.run(["rotate", "--yes"]);
  expect(code).toBe(1);
  expect(stderr).toContain("webhook install");
  expect((await site.secrets()).hook).toBe(SECRET);
});
