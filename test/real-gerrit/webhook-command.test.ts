// `gerrit-mirror webhook` on a real Gerrit: installed, proved by real posts, rotated under pushes, removed, and done by hand.
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { gerritMirror } from "../git/command.ts";
import { ADMIN, connectGerrit, type GerritClient } from "../support/gerrit-client.ts";
import { type GerritServer, startGerrit } from "../support/gerrit-server.ts";
import { git } from "../support/git.ts";
import { commit, createBare } from "../support/repositories.ts";
import { makeTemporaryFolder, type TemporaryFolder } from "../support/temporary-folder.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

const SECRET = "url-secret-of-this-test-0123456789";
const MIRROR = { username: "mirror", password: "mirror-password-of-the-tests" };
const EVENTS = ["ref-updated", "project-created", "project-head-updated"];

let folder: TemporaryFolder;
let gerrit: GerritServer;
let admin: GerritClient;
let receiver: WebhookReceiver;
let work: string;
let flags: string[];

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  gerrit = await startGerrit();
  admin = connectGerrit(gerrit.url);
  await admin.createAccount(MIRROR);
  const administrators = { ref: "refs/*", group: "Administrators" };
  await admin.grant("All-Projects", [
    { ...administrators, permission: "push", force: true },
    { ...administrators, permission: "create" },
    { ref: "refs/*", permission: "read", group: "Registered Users" },
  ]);
  await admin.createProject("team/app one", ["main"]);
  const text = JSON.stringify({
    source: { url: gerrit.url, secret: "gerrit" },
    webhook: { secret: "hook" },
    repositories: ["*"],
    mirrors: { main: { host: "git", url: `https://git.example.com/\${name}`, secret: "host" } },
  });
  const [configFile, secretsFile] = [join(folder.path, "config.json"), join(folder.path, "secrets.json")];
  await writeFile(configFile, text);
  await writeFile(secretsFile, JSON.stringify({ hook: SECRET, gerrit: MIRROR }), { mode: 0o600 });
  receiver = await startWebhookReceiver({ config: parseConfig(text), secretsFile });
  flags = ["--config", configFile, "--secrets", secretsFile];
  work = await createBare(join(folder.path, "work"));
  await commit(work, { files: { a: "a\n" } });
});
afterAll(async () => {
  await receiver?.[Symbol.asyncDispose]();
  await gerrit?.[Symbol.asyncDispose]();
  await folder?.remove();
});

const run = async (words: readonly string[], account = ADMIN) => {
  const env = { HOME: folder.path, GERRIT_MIRROR_ADMIN_AUTH: `${account.username}:${account.password}` };
  const result = await gerritMirror(["webhook", ...words, ...flags], { env });
  expect(result.stdout + result.stderr).not.toContain(SECRET);
  return result;
};
const push = (branch: string) => admin.push(work, "team/app one", `+refs/heads/main:refs/heads/${branch}`);
const jobOf = (ref: string) => receiver.jobs.find(({ refs }) => refs?.some((named) => named.ref === ref));
async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not in 20 s: ${what}`);
    await delay(20);
  }
}

test("an account that is no administrator is refused with a remedy", async () => {
  const { code, stderr } = await run(["install", "--url", receiver.url, "--yes"], MIRROR);
  expect(code).toBe(1);
  expect(stderr).toContain("GERRIT_MIRROR_ADMIN_AUTH");
});

test("install writes what is read back, beside other remotes, and Gerrit posts by it", async () => {
  await admin.installWebhook("All-Projects", "ci", {
    url: "http://127.0.0.1:9/ci",
    events: ["comment-added"],
    max_tries: 7,
  });
  const dry = await run(["install", "--url", receiver.url]);
  expect(dry).toMatchObject({ code: 2, stdout: expect.stringContaining("ci") });
  const { code, stdout } = await run(["install", "--url", receiver.url, "--yes"]);
  expect(stdout).toContain("read back");
  expect(code).toBe(0);
  const remotes = await admin.rest("GET", "/config/server/webhooks~projects/team%2Fapp%20one/remotes/");
  expect(remotes).toMatchObject({
    ci: { url: "http://127.0.0.1:9/ci", events: ["comment-added"], max_tries: 7 },
    "gerrit-mirror": {
      url: `${receiver.url}/webhook/${SECRET}`,
      events: EVENTS,
      ssl_verify: true,
      connection_timeout: 5000,
      socket_timeout: 30000,
      max_tries: 200,
      retry_interval: 15000,
    },
  });
  await push("installed");
  await until("the push's event", () => jobOf("refs/heads/installed") !== undefined);
  expect(jobOf("refs/heads/installed")?.repository).toBe("team/app one");
  expect((await run(["install", "--url", receiver.url, "--yes"])).stdout).toContain("nothing was written");
});

test("check is right, also for the account that may only read", async () => {
  const { code, json } = await run(["check", "--url", receiver.url, "--json"], MIRROR);
  expect(json()).toMatchObject({ problems: [], notes: [] });
  expect(code).toBe(0);
});

test("rotate under pushes loses no event and has none refused", async () => {
  let rotating = true;
  const pushes = (async () => {
    let count = 0;
    for (; rotating || count < 5; count++) await push(`rotating/${count}`);
    return count;
  })();
  const { code, stdout } = await run(["rotate", "--yes"]).finally(() => {
    rotating = false;
  });
  const count = await pushes;
  expect(stdout).toContain("new secret");
  expect(code).toBe(0);
  for (let index = 0; index < count; index++) {
    await until(`event ${index}`, () => jobOf(`refs/heads/rotating/${index}`) !== undefined);
  }
  expect(new Set(receiver.statuses)).toEqual(new Set([200]));
  expect((await run(["check", "--url", receiver.url])).code).toBe(0);
});

test("values that a person changed are found and put right", async () => {
  await admin.installWebhook("All-Projects", "gerrit-mirror", {
    url: `${receiver.url}/webhook/some-other-secret-0123456789`,
    ssl_verify: false,
    max_tries: 5,
    connection_timeout: 1,
  });
  const { json } = await run(["check", "--url", receiver.url, "--json"]);
  expect((json() as { problems: { field: string }[] }).problems.map(({ field }) => field)).toEqual([
    "secret",
    "ssl_verify",
    "max_tries",
  ]);
  expect((await run(["install", "--yes", "--url", receiver.url])).code).toBe(0);
  expect((await run(["check", "--url", receiver.url])).code).toBe(0);
});

test("remove takes ours and leaves the others; a project's own is removed there alone", async () => {
  expect((await run(["install", "--project", "team/app one", "--url", receiver.url, "--yes"])).code).toBe(0);
  expect(await run(["remove", "--project", "team/app one", "--yes"])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("a parent project has it"),
  });
  expect((await run(["remove", "--yes"])).code).toBe(0);
  expect(
    Object.keys((await admin.rest("GET", "/config/server/webhooks~projects/All-Projects/remotes/")) as object),
  ).toEqual(["ci"]);
});

test("without the plugin's API the file is printed, and pushed by hand it is what check asks for", async () => {
  const jar = join(gerrit.site, "plugins", "webhooks.jar");
  await gerrit.stop();
  await rename(jar, `${jar}.disabled`);
  await gerrit.start();
  const { code, json } = await run(["install", "--url", receiver.url, "--json"]);
  expect(code).toBe(1);
  const { byHand } = json() as { byHand: { file: string; commands: string[] } };
  expect(byHand.commands).toContain("git push origin HEAD:refs/meta/config");
  const missing = await run(["install", "--url", receiver.url, "--project", "team/none"]);
  expect(missing.stderr).toContain('no project "team/none"');

  const clone = join(folder.path, "by-hand");
  await git(["clone", "--quiet", admin.gitUrl("All-Projects"), clone]);
  await git(["-C", clone, "fetch", "--quiet", "origin", "refs/meta/config"]);
  await git(["-C", clone, "checkout", "--quiet", "FETCH_HEAD"]);
  const secrets = JSON.parse(await readFile(join(folder.path, "secrets.json"), "utf8")) as { hook: string[] };
  const [current] = secrets.hook;
  await writeFile(join(clone, "webhooks.config"), byHand.file.replace("SECRET", current ?? ""));
  await git(["-C", clone, "add", "webhooks.config"]);
  // Gerrit wants an author that it knows.
  const env = { GIT_AUTHOR_EMAIL: "admin@example.com", GIT_COMMITTER_EMAIL: "admin@example.com" };
  await git(["-C", clone, "commit", "--quiet", "-m", "Post ref updates to gerrit-mirror"], { env });
  await git(["-C", clone, "push", "--quiet", "origin", "HEAD:refs/meta/config"]);

  await gerrit.stop();
  await rename(`${jar}.disabled`, jar);
  await gerrit.start();
  const checked = await run(["check", "--url", receiver.url]);
  expect(checked.stdout).toContain("is right");
  expect(checked.code).toBe(0);
});
