// The demonstration: a sample source and an empty mirror on loopback, the real service between them, and the proof.
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ChildFiles, type ChildService, startChild } from "./child.ts";
import { git } from "./git.ts";
import { type GitFront, startGitFront } from "./git-front.ts";
import { commitFile, installHook, makeSample, refUpdated, type Sample } from "./sample.ts";

/** How long each step may take until the demonstration calls it failed. */
const STEP_MS = 30_000;
const ZERO = "0".repeat(40);

/** Resolves with the exit code. */
export async function runDemo(once: boolean): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), "gerrit-mirror-demo-"));
  // Also on a second Ctrl-C, which does not wait for anything.
  process.once("exit", () => rmSync(root, { recursive: true, force: true }));
  const interrupted = new AbortController();
  const interrupt = () => (interrupted.signal.aborted ? process.exit(130) : interrupted.abort());
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  let front: GitFront | undefined;
  let service: ChildService | undefined;
  try {
    await Promise.all([mkdir(join(root, "source")), mkdir(join(root, "mirror"))]);
    front = await startGitFront(root);
    const files = await writeFiles(root, front.url);
    // With --once nothing may be left in the user's own state folder, not even an empty one.
    service = await startChild(files, { ...NO_PROXY, ...(once ? { XDG_STATE_HOME: root } : {}) });
    const webhookUrl = `${service.url}/webhook/${files.webhookSecret}`;
    const demo = { front, service, webhookUrl, interrupted: interrupted.signal };
    const sample = await showFirstMirror(root, demo);
    await showOneCommit(sample, demo);
    if (once) return 0;
    await installHook(sample, demo.webhookUrl);
    say(whatToTry(sample, demo, root));
    await Promise.race([service.ended, untilAborted(interrupted.signal)]);
    if (!interrupted.signal.aborted) throw new Error("the service ended by itself");
    return 0;
  } catch (error) {
    if (interrupted.signal.aborted) return 130;
    process.stderr.write(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}\n`);
    if (service) process.stderr.write(`The service said last:\n${await service.lastLines()}\n`);
    return 1;
  } finally {
    await service?.stop();
    await front?.close();
  }
}

/** Everything here is on loopback: a proxy of the environment would only be asked for what it cannot reach. */
const NO_PROXY = { NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" };

type Demo = { front: GitFront; service: ChildService; webhookUrl: string; interrupted: AbortSignal };

async function showFirstMirror(root: string, demo: Demo): Promise<Sample> {
  const sample = await makeSample(root, "sample");
  const refs = (await git(sample.source, "for-each-ref", "--format=%(refname) %(objectname)")).trim().split("\n");
  say(`A sample project is there now: ${demo.front.url}/${sample.name} (two branches, a tag), and an empty mirror:
  ${demo.front.url}/mirror/${sample.name}.git

1. What Gerrit posts for a new project, a ref-updated event for each of its ${refs.length} refs, goes to
  ${demo.service.url}/webhook/...`);
  const events = refs.map((line) => {
    const [ref = "", oid = ""] = line.split(" ");
    return refUpdated(sample.name, ref, ZERO, oid);
  });
  const took = await mirrored(sample, demo, events);
  const [source, mirror] = await listBoth(sample, demo);
  say(`   ${took} ms later the mirror had everything. What \`git ls-remote\` says of the source and of the mirror:

${sideBySide(source, mirror)}
   They are the same, ref for ref: read from both servers by git itself, after the push.`);
  return sample;
}

async function showOneCommit(sample: Sample, demo: Demo): Promise<void> {
  const { work, source, name } = sample;
  const old = (await git(source, "rev-parse", "refs/heads/main")).trim();
  await commitFile(work, "NOTES.md", "Notes\nand more of them\n", "Take more notes");
  await git(work, "push", "--quiet", "origin", "main");
  const now = (await git(source, "rev-parse", "refs/heads/main")).trim();
  say(`
2. One more commit is pushed to the source: main moves from ${old.slice(0, 10)} to ${now.slice(0, 10)}. Its event is posted.`);
  const took = await mirrored(sample, demo, [refUpdated(name, "refs/heads/main", old, now)]);
  const mirrorMain = await git(sample.mirror, "rev-parse", "refs/heads/main");
  if (mirrorMain.trim() !== now) throw new Error(`the mirror's main is ${mirrorMain.trim()}, not ${now}`);
  await git(sample.mirror, "fsck", "--full", "--strict");
  say(`   ${took} ms from the post until the mirror's main was ${now.slice(0, 10)}, too; \`git fsck\` finds every object of the mirror whole.
`);
}

/** Posts the events and waits until both sides list the same. Milliseconds from the post to the push that made them so. */
async function mirrored(sample: Sample, demo: Demo, events: object[]): Promise<number> {
  const deadline = AbortSignal.any([AbortSignal.timeout(STEP_MS), demo.interrupted]);
  let push = demo.front.nextPush(deadline);
  const started = performance.now();
  await Promise.all(events.map((event) => post(demo.webhookUrl, event)));
  for (;;) {
    await Promise.race([push, demo.service.ended]);
    const ended = performance.now();
    push = demo.front.nextPush(deadline);
    const [source, mirror] = await listBoth(sample, demo);
    if (source === mirror) return Math.round(ended - started);
    if (deadline.aborted) {
      throw new Error(`the mirror is not equal after ${STEP_MS / 1000} s:\n${sideBySide(source, mirror)}`);
    }
    if (demo.service.hasEnded()) throw new Error("the service ended by itself");
  }
}

async function post(url: string, event: object): Promise<void> {
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(event) });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`the webhook answered ${answer.status}: ${text}`);
}

/** Branches and tags, peeled ones too, as the servers list them. */
async function listBoth({ name }: Sample, { front }: Demo): Promise<[string, string]> {
  const list = (url: string) => git(".", "ls-remote", url, "refs/heads/*", "refs/tags/*");
  return await Promise.all([list(`${front.url}/${name}`), list(`${front.url}/mirror/${name}.git`)]);
}

function sideBySide(source: string, mirror: string): string {
  const [left, right] = [source, mirror].map(
    (text) =>
      new Map(
        text.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t").reverse() as [string, string]])),
      ),
  );
  const refs = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])].sort();
  const row = (a: string, b: string, c: string) => `   ${a.padEnd(12)}${b.padEnd(12)}${c}\n`;
  const short = (oid: string | undefined) => oid?.slice(0, 10) ?? "-";
  return (
    row("source", "mirror", "") + refs.map((ref) => row(short(left?.get(ref)), short(right?.get(ref)), ref)).join("")
  );
}

type Files = ChildFiles & { webhookSecret: string };

async function writeFiles(root: string, url: string): Promise<Files> {
  const configFile = join(root, "mirror.config.json");
  const secretsFile = join(root, "secrets.json");
  const webhookSecret = randomBytes(24).toString("base64url");
  const config = {
    source: { url },
    webhook: { secret: "webhook" },
    repositories: ["*"],
    mirrors: { sample: { host: "git", url: `${url}/mirror/\${name}.git` } },
  };
  await writeFile(configFile, `${JSON.stringify(config, null, 2)}\n`);
  await writeFile(secretsFile, JSON.stringify({ webhook: webhookSecret }), { mode: 0o600 });
  return { configFile, secretsFile, logFile: join(root, "service.log"), webhookSecret };
}

function whatToTry(sample: Sample, { front, service }: Demo, root: string): string {
  return `It stays up. Push something yourself; the sample's post-receive hook posts the event, as Gerrit would:

   git clone ${front.url}/${sample.name} try-it && cd try-it
   git commit --allow-empty -m "Mine" && git push origin HEAD:refs/heads/mine
   git ls-remote ${front.url}/mirror/${sample.name}.git

Look at:
   ${join(root, "service.log")}   what the service did, a line a job
   ${join(root, "mirror.config.json")}   its configuration
   npx gerrit-mirror status --local ${service.url}

Ctrl-C ends it and removes all of this. For your own Gerrit: npm start -- --config FILE --secrets FILE`;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  await delay(2 ** 31 - 1, undefined, { signal }).catch(() => {});
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
