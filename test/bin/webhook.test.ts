// `gerrit-mirror webhook install | check | remove` as a person runs it: a stand-in of Gerrit's REST API, the real receiver.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { confirm } from "../../bin/confirm.ts";
import { openState } from "../../src/adapters/state-folder.ts";
import { startWebhookReceiver } from "../support/webhook-receiver.ts";
import {
  ADMIN_AUTH,
  hookUrl,
  PUBLIC,
  puts,
  SECRET,
  startWebhookSite,
  type WebhookSite,
} from "../support/webhook-site.ts";
import { READER } from "../support/webhooks-rest.ts";

describe("install", () => {
  test("shows what it will write, writes it for all projects, and says that others may read the URL", async () => {
    await using site = await startWebhookSite();
    site.rest.files.get("All-Projects")?.set("ci", { url: "https://ci.example.com/?token=abc" });
    const { code, stdout } = await site.run(["install", "--url", PUBLIC, "--yes"]);
    expect(stdout).toContain(`url                ${PUBLIC}/webhook/[secret]`);
    expect(stdout).toContain("Other remotes stay as they are: ci.");
    expect(stdout).toContain("can be read by other users of Gerrit");
    expect(stdout).toContain("read back");
    expect(code).toBe(0);
    expect(site.rest.inForce("team/app")["gerrit-mirror"]).toMatchObject({
      url: `${PUBLIC}/webhook/${SECRET}`,
      events: ["ref-updated", "project-created", "project-head-updated"],
      ssl_verify: true,
      max_tries: 200,
    });
    expect(site.rest.inForce("team/app").ci?.url).toBe("https://ci.example.com/?token=abc");
    const again = await site.run(["install", "--url", PUBLIC, "--yes"]);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing was written") });
    expect(puts(site.rest)).toBe(1);
  });

  test("without a terminal and without --yes prints what would be written and ends with 2", async () => {
    await using site = await startWebhookSite();
    const text = await site.run(["install", "--url", PUBLIC]);
    expect(text).toMatchObject({
      code: 2,
      stdout: expect.stringContaining("(new)"),
      stderr: expect.stringContaining("--yes"),
    });
    const json = await site.run(["install", "--url", PUBLIC, "--json"]);
    expect(json.code).toBe(2);
    expect(json.json()).toMatchObject({ action: "install", before: null, written: false, after: { max_tries: "200" } });
    expect(puts(site.rest)).toBe(0);
  });

  test("fails when a value in force is not the one written, and names both", async () => {
    await using site = await startWebhookSite({ caps: { retry_interval: 2000 } });
    const { code, json } = await site.run(["install", "--url", PUBLIC, "--yes", "--json"]);
    expect(code).toBe(1);
    expect(json()).toMatchObject({
      written: true,
      problems: [{ field: "retry_interval", message: "retry_interval: expected 15000, Gerrit has 2000." }],
    });
  });

  test("fails when another remote changed meanwhile, or the URL read back is not the one written", async () => {
    await using site = await startWebhookSite();
    const ci = { url: "https://ci.example.com/" };
    site.rest.files.get("All-Projects")?.set("ci", ci);
    site.rest.options.onPut = () => {
      ci.url = "https://elsewhere.example.com/";
      site.rest.options.caps = { url: "https://mirror.example.com/webhook/another-secret-0123456789" };
      return undefined;
    };
    const { code, json } = await site.run(["install", "--url", PUBLIC, "--yes", "--json"]);
    expect(code).toBe(1);
    expect(json()).toMatchObject({ problems: [{ field: "url" }, { field: "others" }] });
  });

  test("goes to one project, under another name, with the account of the environment", async () => {
    await using site = await startWebhookSite();
    await site.writeSecrets({ gerrit: READER });
    const words = ["install", "--url", PUBLIC, "--project", "team/app", "--name", "second", "--yes"];
    expect(await site.run(words)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("GERRIT_MIRROR_ADMIN_AUTH"),
    });
    expect((await site.run(words, ADMIN_AUTH)).code).toBe(0);
    expect([...(site.rest.files.get("team/app")?.keys() ?? [])]).toEqual(["second"]);
    expect(site.rest.files.get("All-Projects")?.size).toBe(0);
  });

  test("takes the running service's address, and without one says to give it", async () => {
    await using site = await startWebhookSite();
    expect(await site.run(["install", "--yes"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--url") });
    const state = await openState(join(site.folder, ".gerrit-mirror"), { HOME: site.folder });
    await state.announce({ webhook: "http://127.0.0.1:8080", operator: "http://127.0.0.1:8081" });
    const { code, stdout } = await site.run(["install", "--yes"]);
    expect(code).toBe(0);
    expect(stdout).toContain("only by a Gerrit on this machine");
    expect(hookUrl(site.rest)).toBe(`http://127.0.0.1:8080/webhook/${SECRET}`);
  });

  test.each(["ftp://a.example.com", `${PUBLIC}/webhook/${SECRET}`, `https://u:${SECRET}@a.example.com`, "mirror"])(
    "refuses the address %#",
    async (url) => {
      await using site = await startWebhookSite();
      expect(await site.run(["install", "--yes", "--url", url])).toMatchObject({ code: 2, stdout: "" });
      expect(puts(site.rest)).toBe(0);
    },
  );

  test("where Gerrit has no such API prints the file and the commands, without the secret, and ends with 1", async () => {
    await using site = await startWebhookSite({ plugin: false });
    const { code, stdout } = await site.run(["install", "--url", PUBLIC, "--project", "team/app"]);
    expect(code).toBe(1);
    expect(stdout).toContain(`[remote "gerrit-mirror"]\n  url = ${PUBLIC}/webhook/SECRET\n  event = ref-updated\n`);
    expect(stdout).toContain("  sslVerify = true\n");
    expect(stdout).toContain(`git clone ${site.rest.url}/a/team/app `);
    expect(stdout).toContain("git push origin HEAD:refs/meta/config");
    const { json } = await site.run(["install", "--url", PUBLIC, "--json"]);
    expect(json()).toMatchObject({ written: false, byHand: { file: expect.stringContaining("maxTries = 200") } });
  });
});

describe("check", () => {
  const checked = async (site: WebhookSite, ...words: string[]) => {
    const { code, json } = await site.run(["check", "--json", ...words]);
    const { problems, notes } = json() as { problems: { field: string; remedy: string }[]; notes: string[] };
    expect(problems.every(({ remedy }) => remedy.length > 10)).toBe(true);
    return { code, fields: problems.map(({ field }) => field), notes: notes.join("\n") };
  };

  test("finds a missing remote, a stranger's secret, changed values and another address", async () => {
    await using site = await startWebhookSite();
    expect(await checked(site)).toMatchObject({ code: 1, fields: ["remote"] });
    await site.run(["install", "--url", PUBLIC, "--yes"]);
    const remote = site.rest.files.get("All-Projects")?.get("gerrit-mirror") ?? {};
    delete remote.ssl_verify;
    remote.events = [];
    expect(await checked(site, "--url", PUBLIC)).toMatchObject({ code: 1, fields: ["events", "ssl_verify"] });
    expect(await checked(site, "--url", "https://other.example.com")).toMatchObject({
      fields: ["url", "events", "ssl_verify"],
    });
    remote.url = `${PUBLIC}/webhook/another-secret-0123456789`;
    expect((await checked(site)).fields).toContain("secret");
  });

  test("is right with the real receiver, and tells the previous secret and a receiver that does not know the secret", async () => {
    await using site = await startWebhookSite();
    await using receiver = await startWebhookReceiver(site);
    await site.run(["install", "--url", receiver.url, "--yes"]);
    expect(await checked(site, "--url", receiver.url)).toEqual({ code: 0, fields: [], notes: "" });
    expect(receiver).toMatchObject({ statuses: [200], jobs: [] });
    await site.writeSecrets({ hook: ["new-secret-of-this-test-0123456789", SECRET] });
    expect(await checked(site, "--url", receiver.url)).toMatchObject({
      code: 0,
      notes: expect.stringContaining("rotate"),
    });
    const elsewhere = join(site.folder, "elsewhere.json");
    await writeFile(elsewhere, JSON.stringify({ hook: "secret-of-another-0123456789" }), { mode: 0o600 });
    await using other = await startWebhookReceiver({ ...site, secretsFile: elsewhere });
    await site.writeSecrets();
    await site.run(["install", "--url", other.url, "--yes"]);
    expect(await checked(site, "--url", other.url)).toMatchObject({ code: 1, fields: ["receiver"] });
  });
});

describe("remove", () => {
  test("takes away ours alone, and is no failure when there is none", async () => {
    await using site = await startWebhookSite();
    site.rest.files.get("All-Projects")?.set("ci", { url: "https://ci.example.com/hook" });
    await site.run(["install", "--url", PUBLIC, "--yes"]);
    expect((await site.run(["remove"])).code).toBe(2);
    expect((await site.run(["remove", "--yes"])).code).toBe(0);
    expect(Object.keys(site.rest.inForce("All-Projects"))).toEqual(["ci"]);
    expect(await site.run(["remove"])).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing to remove") });
    const stranger = await site.run(["remove", "--name", "ci", "--yes"]);
    expect(stranger).toMatchObject({ code: 2, stderr: expect.stringContaining("left alone") });
    expect(Object.keys(site.rest.inForce("All-Projects"))).toEqual(["ci"]);
  });

  test("says that a parent project still has it", async () => {
    await using site = await startWebhookSite();
    await site.run(["install", "--url", PUBLIC, "--yes"]);
    const { code, stdout } = await site.run(["remove", "--project", "team/app", "--yes"]);
    expect(code).toBe(1);
    expect(stdout).toContain("a parent project has it");
  });
});

test("a question is answered by y or yes alone; a closed input is a no", async () => {
  const ask = (text: string) => {
    const input = new PassThrough();
    input.end(text);
    return confirm("Write?", { yes: false }, { input, output: new PassThrough() });
  };
  expect(await Promise.all(["y\n", "Yes\n", "n\n", "\n", ""].map(ask))).toEqual(["yes", "yes", "no", "no", "no"]);
  expect(await confirm("Write?", { yes: false }, undefined)).toBe("not asked");
});
