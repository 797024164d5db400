// The REST API of Gerrit's webhooks plugin: reads, writes and removes a project's remotes, and says what differs from ours.
import { MirrorError } from "../errors.ts";
import { Secret } from "../model/secret.ts";
import { askGerrit, type GerritRest } from "./rest.ts";

/** A remote as the API shows it: the values in force, with those of gerrit.config and of parent projects. */
export type Remote = { url: Secret; events: string[]; settings: Readonly<Record<Setting, unknown>> };
export type Setting = keyof typeof SETTINGS;

/** `project` is a name of Gerrit's, `name` the remote's. */
export type RemoteId = { project: string; name: string };

/** A value in force that is not the one written. */
export type Difference = { field: string; written: string; read: string; remedy: string };

/** All that may move a mirror; without a list Gerrit posts every type of event. */
export const EVENTS = ["ref-updated", "project-created", "project-head-updated"];

/**
 * What we write, in the API's own words: it takes camelCase without a word and ignores it. Tries for 50 minutes instead of
 * 4 seconds; 30 s for an answer, since a function that starts cold needs more than the default of 5.
 */
export const SETTINGS = {
  ssl_verify: true,
  connection_timeout: 5_000,
  socket_timeout: 30_000,
  max_tries: 200,
  retry_interval: 15_000,
};

/**
 * Built-in defaults (plugin 3.10.1). A value equal to its default is not written but removed from the file, so that a value
 * of gerrit.config or of a parent project comes into force again.
 */
const DEFAULTS: Readonly<Record<Setting, unknown>> = {
  ssl_verify: false,
  connection_timeout: 5_000,
  socket_timeout: 5_000,
  max_tries: 5,
  retry_interval: 1_000,
};

/** The remotes in force for a project, inherited ones too; undefined when Gerrit has no such API. Throws `not-found`. */
export async function readRemotes(gerrit: GerritRest, project: string): Promise<Map<string, Remote> | undefined> {
  const value = await askGerrit(gerrit, { method: "GET", path: `${projectPath(project)}/remotes/` });
  if (value === undefined) {
    const found = await askGerrit(gerrit, { method: "GET", path: `/projects/${encodeURIComponent(project)}` });
    if (found !== undefined) return undefined;
    throw new MirrorError("not-found", `${gerrit.url} shows no project "${project}" to this account.`, {
      remedy:
        "Check the name and the account's READ; for names with a slash, a proxy before Gerrit must leave %2F alone.",
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(gerrit, "it is no map");
  return new Map(Object.entries(value).map(([name, fields]) => [name, remoteOf(gerrit, fields)]));
}

/** Creates or replaces all fields that matter; other remotes stay as they are. */
export async function writeRemote(gerrit: GerritRest, id: RemoteId, url: Secret): Promise<void> {
  const body = { url: url.expose(), events: EVENTS, ...SETTINGS };
  const hide = [
    url,
    ...url
      .expose()
      .split("/")
      .slice(-1)
      .map((part) => new Secret(part)),
  ];
  const answer = await askGerrit(gerrit, { method: "PUT", path: remotePath(id), body, hide });
  if (answer === undefined) throw gone(gerrit, id);
}

/** From the project's own file; it may still be in force by a parent's. */
export async function deleteRemote(gerrit: GerritRest, id: RemoteId): Promise<void> {
  await askGerrit(gerrit, { method: "DELETE", path: remotePath(id) });
}

/** What is in force and should be otherwise; the URL is compared by the caller, who knows which secrets are valid. */
export function differencesOf(remote: Remote): { failures: Difference[]; notes: string[] } {
  const failures: Difference[] = [];
  const notes: string[] = [];
  if (EVENTS.toSorted().join() !== remote.events.toSorted().join()) {
    failures.push({
      field: "events",
      written: EVENTS.join(", "),
      read: remote.events.join(", ") || "none, which means every type",
      remedy: "Run `gerrit-mirror webhook install`; if it stays, see `allowedEvent` in gerrit.config.",
    });
  }
  for (const field of Object.keys(SETTINGS) as Setting[]) {
    const [written, read] = [String(SETTINGS[field]), String(remote.settings[field])];
    if (written === read) continue;
    if (SETTINGS[field] === DEFAULTS[field]) {
      notes.push(`${field} is ${read}: gerrit.config or a parent project says so, and our ${written} is the default.`);
    } else failures.push({ field, written, read, remedy: remedyOf(field) });
  }
  return { failures, notes };
}

const CAPS: Readonly<Partial<Record<Setting, string>>> = {
  socket_timeout: "maxAllowedSocketTimeout",
  max_tries: "maxAllowedTries",
  retry_interval: "maxAllowedRetryInterval",
};

function remedyOf(field: Setting): string {
  const cap = CAPS[field];
  const server =
    cap === undefined ? "the plugin's version" : `\`${cap}\` in gerrit.config, section [plugin "webhooks"]`;
  return `Run \`gerrit-mirror webhook install\`; if it stays, look at ${server}.`;
}

/** Under the plugin's name and `~`: `/config/server/webhooks~projects/NAME/remotes/R`. */
function projectPath(project: string): string {
  return `/config/server/webhooks~projects/${encodeURIComponent(project)}`;
}

function remotePath({ project, name }: RemoteId): string {
  return `${projectPath(project)}/remotes/${encodeURIComponent(name)}`;
}

function remoteOf(gerrit: GerritRest, value: unknown): Remote {
  if (typeof value !== "object" || value === null) throw malformed(gerrit, "a remote is no object");
  const fields = value as Readonly<Record<string, unknown>>;
  const events: unknown[] = Array.isArray(fields.events) ? fields.events : [];
  const settings = Object.fromEntries(Object.keys(SETTINGS).map((field) => [field, fields[field]]));
  return {
    url: new Secret(typeof fields.url === "string" ? fields.url : ""),
    events: events.map(String),
    settings: settings as Record<Setting, unknown>,
  };
}

function gone({ url }: GerritRest, { project, name }: RemoteId): MirrorError {
  return new MirrorError("not-found", `${url} has no place for the remote "${name}" of "${project}" any more.`, {
    remedy: "Look whether the webhooks plugin is still loaded.",
  });
}

function malformed({ url }: GerritRest, what: string): MirrorError {
  return new MirrorError("malformed-answer", `The webhooks of ${url} cannot be read: ${what}.`);
}
