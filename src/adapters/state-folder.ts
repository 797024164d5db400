// What one machine keeps on disk beside the configuration file, and how the operator's command finds a running service.
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { MirrorError } from "../errors.ts";
import { Secret } from "../model/secret.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Name of the status file in the state folder. */
export const STATUS_FILE = "status.sqlite";

/** Where a running service listens. */
export type Addresses = { webhook: string; operator: string };

export type State = {
  folder: string;
  statusFile: string;
  tokenFile: string;
  /** Made at the first start, the same at each later one. */
  token: Secret;
  /** Writes down where the service listens. */
  announce(addresses: Addresses): Promise<void>;
  /** Removes what `announce` wrote. */
  withdraw(): Promise<void>;
};

export function stateFolder(configFile: string): string {
  return join(dirname(resolve(configFile)), ".gerrit-mirror");
}

export async function openState(folder: string, env: Environment): Promise<State> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const tokenFile = join(folder, TOKEN_FILE);
  const token = await readOrMakeToken(tokenFile);
  const written: string[] = [];
  return {
    folder,
    statusFile: join(folder, STATUS_FILE),
    tokenFile,
    token,
    announce: async (addresses) => {
      const file = join(folder, OPERATOR_FILE);
      await writePrivate(file, JSON.stringify(addresses));
      written.push(file);
      for (const url of [addresses.webhook, addresses.operator]) {
        const copy = userFile(env, new URL(url).port);
        const text = JSON.stringify({ ...addresses, token: token.expose() });
        // The service runs as well without its copy: the home may be read-only or absent.
        const done = await writePrivate(copy, text).then(
          () => true,
          () => false,
        );
        if (done) written.push(copy);
      }
    },
    withdraw: async () => {
      for (const file of written.splice(0)) await rm(file, { force: true });
    },
  };
}

export type FindOptions = { stateFolder: string; env: Environment };

/**
 * Where the operator's listener of a running service is, and its token. `url` is that of its webhook or of its operator;
 * without one, the service of this state folder is meant. Throws `usage`.
 */
export async function findOperator(
  url: string | undefined,
  options: FindOptions,
): Promise<{ url: string; token: Secret }> {
  const file = join(options.stateFolder, OPERATOR_FILE);
  const here = await readJson(file);
  if (isAddresses(here) && (url === undefined || isSameService(url, here))) {
    const token = (await readText(join(options.stateFolder, TOKEN_FILE)))?.trim();
    if (token) return { url: here.operator, token: new Secret(token) };
  }
  if (url === undefined) {
    throw new MirrorError("usage", `No running service is known here: there is no ${file}.`, {
      remedy:
        "Start it with `npm start -- --config FILE --secrets FILE`, or give its address: --local http://127.0.0.1:PORT.",
    });
  }
  if (!URL.canParse(url)) {
    throw new MirrorError("usage", `--local is ${JSON.stringify(url)}; expected an address as http://127.0.0.1:PORT.`);
  }
  const copy = userFile(options.env, portOf(new URL(url)));
  const there = await readJson(copy);
  if (isAddresses(there) && isSameService(url, there) && "token" in there && typeof there.token === "string") {
    return { url: there.operator, token: new Secret(there.token) };
  }
  throw new MirrorError("usage", `No running service is known at ${url}: neither ${file} nor ${copy} speaks of it.`, {
    remedy:
      "Give the address that `npm start` printed, on the machine and as the user it runs on, or run the command in the folder of its configuration file.",
  });
}

/** Where the running service of this state folder takes events; undefined when none says so. */
export async function findWebhook(folder: string): Promise<string | undefined> {
  const here = await readJson(join(folder, OPERATOR_FILE));
  return isAddresses(here) ? here.webhook : undefined;
}

const TOKEN_FILE = "operator-token";
const OPERATOR_FILE = "operator.json";
const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

function isSameService(url: string, { webhook, operator }: Addresses): boolean {
  if (!URL.canParse(url)) return false;
  const asked = new URL(url);
  return [webhook, operator].some((text) => {
    const known = new URL(text);
    const host = known.hostname === asked.hostname || LOOPBACK.includes(asked.hostname);
    return host && portOf(known) === portOf(asked);
  });
}

function portOf(url: URL): string {
  return url.port || (url.protocol === "https:" ? "443" : "80");
}

function userFile(env: Environment, port: string): string {
  const base = env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local", "state");
  return join(base, "gerrit-mirror", `${port}.json`);
}

async function readOrMakeToken(file: string): Promise<Secret> {
  const kept = (await readText(file))?.trim();
  if (kept) return new Secret(kept);
  const made = randomBytes(32).toString("base64url");
  await writePrivate(file, `${made}\n`);
  return new Secret(made);
}

/** Whole or not at all, and never readable by others in between. */
async function writePrivate(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, file);
}

async function readText(file: string): Promise<string | undefined> {
  return readFile(file, "utf8").catch(() => undefined);
}

async function readJson(file: string): Promise<unknown> {
  const text = await readText(file);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAddresses(value: unknown): value is Addresses {
  if (typeof value !== "object" || value === null) return false;
  const { webhook, operator } = value as Record<string, unknown>;
  return [webhook, operator].every((url) => typeof url === "string" && URL.canParse(url));
}
