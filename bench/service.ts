// The measurements of the running service: from the event's POST to the mirror's moved ref, in turn with native git.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type ManyRefsOptions, makeManyRefs } from "../test/support/large-repositories.ts";
import { commit } from "../test/support/repositories.ts";
import { readPeak, timeCommands } from "./measure.ts";
import type { Row, TimeResult } from "./rows.ts";
import type { Site } from "./site.ts";

const ROUNDS = 9;
/** The first event's job reads in full, since the repository is new to the service; the second one is warm. */
const ROUNDS_WARMING = 2;
const MEMORY_MAX = 220;
const REF = "refs/heads/main";
const MOVED_WITHIN_MS = 30_000;
const ROOT = fileURLToPath(new URL("..", import.meta.url));

export const SERVICE_ROWS: readonly Row[] = [
  serviceRow("service-1k", "service: one new commit, 1 000 refs", 0.6, 1_000),
  serviceRow("service-100k", "service: one new commit, 100 000 refs", 0.15, 100_000),
  serviceRow("service-100k-distinct", "service: one new commit, 100 000 refs with a commit each", 0.1, 100_000, {
    distinctCommits: true,
  }),
];

function serviceRow(name: string, title: string, limit: number, refs: number, options: ManyRefsOptions = {}): Row {
  const measure = async (site: Site): Promise<TimeResult> => {
    await makeManyRefs(site.source, refs, options);
    const begin = await commit(site.source, { files: { "README.md": "begin\n" } });
    await site.fillMirrors();
    await using service = await startService(site);
    return await measureEvents(site, service, begin);
  };
  return { name, title, limit, kind: "time", memoryLimit: MEMORY_MAX, measure };
}

async function measureEvents(site: Site, service: Service, begin: string): Promise<TimeResult> {
  const result: TimeResult = { ours: [], native: [], peak: 0 };
  let old = begin;
  for (let round = -ROUNDS_WARMING; round < ROUNDS; round++) {
    const next = await commit(site.source, { files: { "README.md": `round ${round}\n` } });
    const ours = await timeEvent(site, service, old, next);
    // The job reads back and ends while native git works, so that the next event finds the lane at rest.
    const native = await timeCommands(site.nativeUpdate());
    await delay(100);
    old = next;
    if (round < 0) continue;
    result.ours.push(ours);
    result.native.push(native);
  }
  await site.checkEqual();
  return { ...result, peak: readPeak(service.child.pid ?? 0) };
}

/** Milliseconds from the POST to the mirror's ref, read as its file. */
async function timeEvent(site: Site, service: Service, old: string, next: string): Promise<number> {
  const event = {
    type: "ref-updated",
    submitter: { name: "Ada", email: "ada@example.com", username: "ada" },
    refUpdate: { oldRev: old, newRev: next, refName: REF, project: "project" },
    eventCreatedOn: Math.floor(Date.now() / 1000),
  };
  const begun = performance.now();
  const answer = fetch(service.webhook, { method: "POST", body: JSON.stringify(event) });
  const file = join(site.ours, REF);
  while (readFileSync(file, "latin1").trim() !== next) {
    if (performance.now() - begun > MOVED_WITHIN_MS) throw new Error(`The mirror's ${REF} did not move to ${next}.`);
    await delay(1);
  }
  const milliseconds = performance.now() - begun;
  const { status } = await answer;
  if (status !== 200) throw new Error(`The webhook answered ${status}.`);
  return milliseconds;
}

type Service = { child: ChildProcess; webhook: string; [Symbol.asyncDispose](): Promise<void> };

async function startService(site: Site): Promise<Service> {
  const secret = randomBytes(24).toString("hex");
  const folder = join(site.folder, "service");
  const configFile = join(folder, "mirror.config.json");
  const secretsFile = join(folder, "secrets.json");
  const config = {
    source: { url: site.url },
    webhook: { secret: "webhook" },
    repositories: ["project"],
    mirrors: { bench: { host: "git", url: `${site.url}/mirror/\${name}.git` } },
  };
  await mkdir(folder);
  await writeFile(configFile, JSON.stringify(config));
  await writeFile(secretsFile, JSON.stringify({ webhook: secret }), { mode: 0o600 });
  const args = [...(await startArguments()), "--config", configFile, "--secrets", secretsFile, "--port", "0"];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? "", HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const url = await listeningUrl(child);
  return {
    child,
    webhook: `${url}/webhook/${secret}`,
    [Symbol.asyncDispose]: async () => {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** What `npm start` gives to node: flags and the program. */
async function startArguments(): Promise<string[]> {
  const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { scripts: { start: string } };
  return scripts.start.split(" ").slice(1);
}

/** Reads on for ever, so that the service never waits for its log to be taken. */
function listeningUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        printed = (printed + text).slice(-4_000);
        const url = /^listening (http:\S+)$/m.exec(printed)?.[1];
        if (url !== undefined) resolve(url);
      });
    }
    child.once("exit", (code) => reject(new Error(`The service ended with ${String(code)}: ${printed}`)));
  });
}
