// A real Gerrit, the running service as a user starts it, and mirrors on a Git server, each pair behind a front.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findOperator, stateFolder } from "../../src/adapters/state-folder.ts";
import { connectGerrit } from "./gerrit-client.ts";
import { startGerrit } from "./gerrit-server.ts";
import { startGitServer } from "./git-server.ts";
import { startHttpFront } from "./http-front.ts";
import { commit, createBare, fsck, refsOf } from "./repositories.ts";
import { type ServiceProcess, startServiceProcess } from "./service-process.ts";
import { WEBHOOK_SECRET } from "./service-world.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

const COMMAND = fileURLToPath(new URL("../../bin/gerrit-mirror.ts", import.meta.url));

export const MIRROR_ACCOUNT = { username: "mirror", password: "mirror-password-of-the-tests" };
export const HOST_ACCOUNT = { username: "host", password: "host-password-of-the-tests" };

/** The group that may read everything, with the mirror's account as its only member. */
export const READERS = "Mirror Readers";
export const READ_ALL = { ref: "refs/*", permission: "read", group: READERS };

export const MANAGED = /^refs\/(?:heads|tags)\//;

/** Repositories below `meta/` have these refs mirrored, all others branches and tags. */
export const META_REFS = ["refs/heads/*", "refs/tags/*", "refs/meta/config", "refs/notes/*"];

export type GerritWorldOptions = {
  /** The service reads Gerrit itself, for measuring; else through a front. */
  direct?: boolean;
};

export type GerritWorld = Awaited<ReturnType<typeof startGerritWorld>>;

export async function startGerritWorld(options: GerritWorldOptions = {}) {
  const folder = await makeTemporaryFolder();
  const gerrit = await startGerrit();
  const admin = connectGerrit(gerrit.url);
  await prepareSite(admin);
  const mirrors = join(folder.path, "mirrors");
  await mkdir(mirrors);
  const host = await startGitServer({
    root: mirrors,
    authorization: basic(HOST_ACCOUNT),
    config: { "receive.denyDeleteCurrent": "ignore" },
  });
  const source = await startHttpFront(gerrit.url);
  const hook = await startHttpFront("http://127.0.0.1:9");
  const files = await writeFiles(folder.path, options.direct ? gerrit.url : source.url, host.url);
  let service: ServiceProcess = await startServiceProcess(files, folder.path);
  hook.target = service.url;
  await admin.installWebhook("All-Projects", "mirror", {
    url: `${hook.url}/webhook/${WEBHOOK_SECRET}`,
    events: ["ref-updated", "project-created", "project-head-updated"],
  });
  const mirrorOf = (name: string): string => join(mirrors, name);
  const differences = async (name: string, managed = MANAGED): Promise<string[]> => {
    const [left, right] = await Promise.all([refsOf(gerrit.repositoryOf(name)), refsOf(mirrorOf(name))]);
    const names = new Set([...left.keys(), ...right.keys()].filter((ref) => managed.test(ref)));
    return [...names].filter((ref) => left.get(ref) !== right.get(ref)).sort();
  };
  const operator = async (method: string, path: string): Promise<unknown> => {
    const { url, token } = await findOperator(undefined, { stateFolder: stateFolder(files.configFile), env: {} });
    const response = await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${token.expose()}` } });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  return {
    folder: folder.path,
    gerrit,
    admin,
    host,
    source,
    hook,
    files,
    service: () => service,
    mirrorOf,
    differences,
    /** In Gerrit and, empty, on the mirror's server; returns a local repository to push from. */
    async addProject(name: string, branches: readonly string[] = []): Promise<string> {
      const work = await this.addMirrorAndWork(name);
      await admin.createProject(name, branches);
      return work;
    },
    /** The mirror's repository and a local one to push from; the project is another's to make. */
    async addMirrorAndWork(name: string): Promise<string> {
      await createBare(mirrorOf(name));
      return createBare(join(folder.path, "work", name));
    },
    /** The same with one commit pushed to `main` and mirrored. */
    async addMirrored(name: string): Promise<string> {
      const work = await this.addProject(name);
      await commit(work, { files: { "README.md": `${name}\n` }, message: "first" });
      await admin.push(work, name, "refs/heads/main");
      await this.untilEqual(name);
      return work;
    },
    /** Until branches and tags are the same on both disks. */
    async untilEqual(name: string, milliseconds = 20_000, managed = MANAGED): Promise<void> {
      const deadline = performance.now() + milliseconds;
      for (;;) {
        const rest = await differences(name, managed);
        if (rest.length === 0 && (await refsOf(gerrit.repositoryOf(name))).size > 0) return;
        if (performance.now() > deadline) {
          throw new Error(`"${name}" differs in ${rest.join(", ").slice(0, 500)}\n${lastLines(service.output())}`);
        }
        await delay(20);
      }
    },
    /** Requests that changed or tried to change the mirror. */
    pushes: (name: string) =>
      host.requests.filter((r) => r.service === "receive-pack" && r.path.startsWith(`/${name}/`)),
    statusOf: async (name: string): Promise<Status> => {
      const answer = await operator("GET", `/status?repository=${encodeURIComponent(name)}`);
      return (answer as { repositories: Status[] }).repositories[0] ?? { state: "unknown" };
    },
    sweep: async (): Promise<Sweep> => (await operator("POST", "/sweep")) as Sweep,
    /** The command `mirror` beside the service. */
    mirror: (name: string, ...words: string[]) =>
      runCommand(["mirror", name, "--config", files.configFile, "--secrets", files.secretsFile, ...words]),
    /** Pushes and waits until a job has ended for each ref that this moved in Gerrit. */
    async pushAndSettle(work: string, name: string, ...refspecs: string[]): Promise<void> {
      const from = service.output().length;
      const before = await refsOf(gerrit.repositoryOf(name));
      await admin.push(work, name, ...refspecs);
      const after = await refsOf(gerrit.repositoryOf(name));
      const moved = [...new Set([...before.keys(), ...after.keys()])].filter(
        (ref) => MANAGED.test(ref) && before.get(ref) !== after.get(ref),
      );
      const deadline = performance.now() + 20_000;
      while (jobsEnded(service.output().slice(from), name) < moved.length) {
        if (performance.now() > deadline) throw new Error(`"${name}" is not settled:\n${lastLines(service.output())}`);
        await delay(20);
      }
    },
    /** Ends the service and starts it again, at the same address as far as Gerrit can see. */
    async restartService(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
      await service.end(signal);
      service = await startServiceProcess(files, folder.path);
      hook.target = service.url;
    },
    writeSecrets: (change: object) => writeSecrets(files.secretsFile, change),
    fsck: (name: string) => fsck(mirrorOf(name)),
    [Symbol.asyncDispose]: async () => {
      await service.end("SIGKILL");
      await gerrit[Symbol.asyncDispose]();
      await Promise.all([hook.close(), source.close(), host.close()]);
      await folder.remove();
    },
  };
}

export type Status = {
  state: string;
  error?: { code: string; message: string; remedy: string };
  letter?: { id: string; code: string };
};
export type Sweep = { finished: boolean; equal: number; enqueued: { repository: string }[]; gone: string[] };

/** Job lines of the service's log for a repository, oldest first. */
export function jobsOf(output: string, repository: string): Record<string, unknown>[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("{") && line.includes('"job"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line.message === "job" && line.repository === repository);
}

/** Jobs that ran or were found covered, each counted once however often it was tried. */
function jobsEnded(log: string, repository: string): number {
  const covered = log
    .split("\n")
    .filter(
      (line) => line.includes('"message":"job covered') && line.includes(`"repository":${JSON.stringify(repository)}`),
    );
  return covered.length + new Set(jobsOf(log, repository).map(({ messageId }) => messageId)).size;
}

async function runCommand(words: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [COMMAND, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...texts };
}

/** What a fresh site refuses or shows to everybody: pushes of an administrator, and branches to anonymous users. */
async function prepareSite(admin: ReturnType<typeof connectGerrit>): Promise<void> {
  await admin.createAccount(MIRROR_ACCOUNT);
  await admin.createGroup(READERS, [MIRROR_ACCOUNT.username]);
  const administrators = { group: "Administrators" };
  await admin.withdraw("All-Projects", [
    { ref: "refs/heads/*", permission: "read", group: "Anonymous Users" },
    { ref: "refs/*", permission: "read", group: "Anonymous Users" },
  ]);
  await admin.grant("All-Projects", [
    READ_ALL,
    // Its READ is exclusive to administrators and owners: that on refs/* does not reach it.
    { ref: "refs/meta/config", permission: "read", group: READERS },
    { ref: "refs/*", permission: "push", force: true, ...administrators },
    ...["create", "delete", "createTag", "forgeAuthor", "forgeCommitter", "pushMerge"].map((permission) => ({
      ref: "refs/*",
      permission,
      ...administrators,
    })),
  ]);
}

async function writeFiles(folder: string, sourceUrl: string, hostUrl: string) {
  const configFile = join(folder, "mirror.config.json");
  const secretsFile = join(folder, "secrets.json");
  const mirror = { host: "git", url: `${hostUrl}/\${name}`, secret: "host" };
  const config = {
    source: { url: sourceUrl, secret: "gerrit" },
    webhook: { secret: "webhook" },
    repositories: ["*"],
    skip: ["All-Projects", "All-Users"],
    mirrors: { main: { ...mirror, skip: ["meta/*"] }, meta: { ...mirror, repositories: ["meta/*"], refs: META_REFS } },
  };
  await writeFile(configFile, JSON.stringify(config));
  await writeSecrets(secretsFile, {});
  return { configFile, secretsFile };
}

async function writeSecrets(file: string, change: object): Promise<void> {
  const secrets = { webhook: WEBHOOK_SECRET, gerrit: MIRROR_ACCOUNT, host: HOST_ACCOUNT, ...change };
  await writeFile(file, JSON.stringify(secrets), { mode: 0o600 });
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function lastLines(output: string): string {
  return output.split("\n").slice(-12).join("\n");
}
