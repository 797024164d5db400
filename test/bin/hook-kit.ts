// The hook script installed by the command, called as Gerrit's hooks plugin calls it, and the real receiver it posts to.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { startWebhookReceiver } from "../support/webhook-receiver.ts";
import { PUBLIC, SIGNING, startWebhookSite, type WebhookSite } from "../support/webhook-site.ts";
import { A, B } from "../support/webhook-world.ts";

const open: AsyncDisposable[] = [];

/** For `afterEach`. */
export async function closeHooks(): Promise<void> {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]();
}

export type Hooks = { site: WebhookSite; folder: string; spool: string };

/** A site with the hook installed by the command. */
async function installHook(url: string, signing: unknown = SIGNING): Promise<Hooks> {
  const site = await startWebhookSite();
  open.push(site);
  await site.writeSecrets({ sign: signing });
  const folder = join(site.folder, "hooks");
  await mkdir(folder);
  const { code, stdout } = await site.run(["install", "--hooks", folder, "--url", url, "--yes"]);
  expect(stdout).toContain("from the next ref update on");
  expect(code).toBe(0);
  return { site, folder, spool: join(folder, "gerrit-mirror.spool") };
}

export async function receive(hooks: Hooks, options: { port?: number; hold?: () => Promise<unknown> } = {}) {
  const receiver = await startWebhookReceiver({
    config: hooks.site.config,
    secretsFile: hooks.site.secretsFile,
    ...options,
  });
  open.push(receiver);
  return receiver;
}

/** Installed once the receiver's port is known. */
export async function installed(options: { hold?: () => Promise<unknown>; signing?: unknown } = {}) {
  const hooks = await installHook(PUBLIC, options.signing);
  const receiver = await receive(hooks, options);
  await pointTo(hooks, receiver.url);
  return { ...hooks, receiver };
}

async function pointTo({ folder, site }: Hooks, url: string): Promise<void> {
  expect((await site.run(["install", "--hooks", folder, "--url", url, "--yes"])).code).toBe(0);
}

type Update = { project?: string; ref?: string; old?: string; new?: string };

/** As Gerrit calls it: pairs, the submitter's name may be anything; resolves at the end of its output and process. */
export async function call(
  { folder }: Hooks,
  update: Update = {},
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const words = [
    "--oldrev",
    update.old ?? A,
    "--newrev",
    update.new ?? B,
    "--refname",
    update.ref ?? "refs/heads/main",
  ];
  words.push("--project", update.project ?? "ev/one", "--submitter", "--project", "--submitter-username", "x");
  const child: ChildProcess = spawn(join(folder, "ref-updated"), words, {
    cwd: "/",
    env: { PATH: process.env.PATH ?? "", GERRIT_MIRROR_HOOK_WAITS: "0.1 0.1 0.1 0.1 0.1 0.1 0.1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text: Buffer) => (printed += String(text)));
  const [code] = (await once(child, "close")) as [number];
  expect(printed).toMatch(/^(?:more than 1000 events wait.*\n)?$/);
  return code;
}

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not in 20 s: ${what}`);
    await delay(20);
  }
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
export const isEmpty = async ({ spool }: Hooks): Promise<boolean> =>
  (await namesIn(spool)).every((name) => name === "last-failure");
export const lastFailure = ({ spool }: Hooks): Promise<string> =>
  readFile(join(spool, "last-failure"), "utf8").catch(() => "");
