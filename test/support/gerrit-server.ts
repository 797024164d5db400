// Runs a real Gerrit server in a site of its own: GERRIT_SH (a launcher script) or GERRIT_WAR (a release war).
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createBare } from "./repositories.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

export type GerritServer = {
  url: string;
  site: string;
  /** The project's bare repository; write there only while the server is down. */
  repositoryOf(project: string): string;
  /** Makes a bare repository that the server finds at its next start. */
  seed(project: string): Promise<string>;
  /** Takes the project away as the delete-project plugin does: no event tells. Only while the server is down. */
  remove(project: string): Promise<void>;
  /** As an administrator renames one on disk. Only while the server is down. */
  rename(project: string, name: string): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** At the same address, with all data. */
  start(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const START_MS = 120_000;
const PROJECT_ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Rejects with the reason when Java, Maven or the launcher is missing, or the server does not come up. */
export async function startGerrit(): Promise<GerritServer> {
  const folder = await makeTemporaryFolder();
  const site = join(folder.path, "site");
  await mkdir(join(site, "etc"), { recursive: true });
  let running: Running | undefined;
  try {
    const launch = await prepare(site);
    running = await launch(0);
    const { url } = running;
    const port = Number(new URL(url).port);
    const repositoryOf = (project: string): string => join(site, "git", `${project}.git`);
    const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<void> => {
      await running?.end(signal);
      running = undefined;
    };
    return {
      url,
      site,
      repositoryOf,
      seed: (project) => createBare(repositoryOf(project)),
      remove: (project) => rm(repositoryOf(project), { recursive: true }),
      rename: (project, name) => rename(repositoryOf(project), repositoryOf(name)),
      stop,
      start: async () => {
        running = await launch(port);
      },
      [Symbol.asyncDispose]: async () => {
        // Its data are thrown away: nothing is lost by a kill, and a drain of queued events would take its time.
        await stop("SIGKILL");
        await folder.remove();
      },
    };
  } catch (error) {
    await running?.end("SIGKILL");
    await folder.remove();
    throw error;
  }
}

type Running = { url: string; end(signal: NodeJS.Signals): Promise<void> };
type Launch = (port: number) => Promise<Running>;

async function prepare(site: string): Promise<Launch> {
  const {
    GERRIT_WAR: war,
    GERRIT_SH: script = join(PROJECT_ROOT, "../shared/gerrit/gerrit.sh"),
    JAVA_HOME,
  } = process.env;
  const java = JAVA_HOME === undefined ? "java" : join(JAVA_HOME, "bin", "java");
  await run(java, ["-version"], "A real Gerrit needs Java 17 or newer; install it or set JAVA_HOME.");
  if (war !== undefined) return prepareWar(java, war, site);
  await run("sh", [script, "build"], "The launcher needs Maven and a JDK; GERRIT_SH names another, GERRIT_WAR a war.");
  await run("sh", [script, "install-webhooks", site], "The webhooks plugin could not be installed into the site.");
  return (port) => waitUntilReady(spawnServer("sh", [script, "start", site, String(port)]), undefined);
}

/** `--dev` makes the account admin with the HTTP password `secret`, as the launcher script does. */
async function prepareWar(java: string, war: string, site: string): Promise<Launch> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const init = ["-jar", war, "init", "--batch", "--dev", "--no-auto-start", "--install-all-plugins", "-d", site];
  await run(java, init, "GERRIT_WAR must be a release war, which holds the webhooks plugin.");
  for (const [key, value] of [
    ["httpd.listenUrl", `${url}/`],
    ["gerrit.canonicalWebUrl", `${url}/`],
    ["auth.gitBasicAuthPolicy", "HTTP"],
    ["sshd.listenAddress", "off"],
  ] as const) {
    await run("git", ["config", "--file", join(site, "etc", "gerrit.config"), key, value], "git config failed.");
  }
  const daemon = ["-jar", war, "daemon", "-d", site, "--console-log", "--disable-sshd"];
  return () => waitUntilReady(spawnServer(java, daemon), url);
}

function spawnServer(program: string, args: string[]): ChildProcess {
  return spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
}

/** `url` is known of a war, which says that it is ready in other words and only in its log. */
async function waitUntilReady(child: ChildProcess, url: string | undefined): Promise<Running> {
  const closed = once(child, "close");
  let printed = "";
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
  const ready = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        printed = (printed + text).slice(-8_000);
        const said = /^ready (http:\S+)$/m.exec(printed)?.[1];
        if (said !== undefined) resolve(said);
        else if (url !== undefined && /Gerrit Code Review \S+ ready/.test(printed)) resolve(url);
      });
    }
    closed.then(() => reject(new Error(`Gerrit did not start. It said last:\n${printed}`)), reject);
  });
  clearTimeout(timer);
  return {
    url: ready,
    end: async (signal) => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await closed;
    },
  };
}

/** What the program said is in the error, behind the hint. */
async function run(program: string, args: readonly string[], hint: string): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed = (printed + text).slice(-4_000);
    });
  }
  const code = await new Promise<unknown>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", resolve);
  });
  if (code === 0) return;
  throw new Error(`${hint}\n\`${program} ${args.join(" ")}\` ended with ${String(code)}: ${printed.trim()}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("The system gave no port.");
  return address.port;
}
