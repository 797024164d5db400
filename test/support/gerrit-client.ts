// What a Gerrit administrator does, as functions: projects, access, accounts, pushes, reviews, webhooks.
import { git, tryGit } from "./git.ts";

export type Credential = { username: string; password: string };
export type RestAnswer = { status: number; text: string; value: unknown };
export type AccessRule = {
  ref: string;
  permission: string;
  /** A group's name or UUID. */
  group: string;
  action?: "ALLOW" | "BLOCK" | "DENY";
  force?: boolean;
};

export type GerritClient = ReturnType<typeof connectGerrit>;

/** The account that every new site has. */
export const ADMIN: Credential = { username: "admin", password: "secret" };

export function connectGerrit(url: string, credential: Credential = ADMIN) {
  const tryRest = async (method: string, path: string, body?: object): Promise<RestAnswer> => {
    const response = await fetch(`${url}/a${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString("base64")}`,
        // With a JSON type and no body a DELETE is 400.
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, value: parse(text) };
  };
  const rest = async (method: string, path: string, body?: object): Promise<unknown> => {
    const { status, text, value } = await tryRest(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${text.slice(0, 300)}`);
    return value;
  };
  const project = (name: string): string => `/projects/${encodeURIComponent(name)}`;
  const gitUrl = (name: string): string => {
    const authenticated = new URL(`${url}/a/${name.split("/").map(encodeURIComponent).join("/")}`);
    Object.assign(authenticated, credential);
    return authenticated.href;
  };
  return {
    url,
    rest,
    tryRest,
    gitUrl,
    /** Without a commit, unless `branches` names some: then each begins with the same empty one. */
    createProject: (name: string, branches: readonly string[] = []) =>
      rest("PUT", project(name), branches.length === 0 ? {} : { create_empty_commit: true, branches }),
    grant: (name: string, rules: readonly AccessRule[]) =>
      rest("POST", `${project(name)}/access`, { add: accessOf(rules) }),
    withdraw: (name: string, rules: readonly AccessRule[]) =>
      rest("POST", `${project(name)}/access`, { remove: accessOf(rules) }),
    createAccount: ({ username, password }: Credential) =>
      rest("PUT", `/accounts/${username}`, { name: username, http_password: password }),
    setPassword: ({ username, password }: Credential) =>
      rest("PUT", `/accounts/${username}/password.http`, { http_password: password }),
    /** Returns its UUID. */
    async createGroup(name: string, members: readonly string[]): Promise<string> {
      const { id } = (await rest("PUT", `/groups/${encodeURIComponent(name)}`, { members })) as { id: string };
      return decodeURIComponent(id);
    },
    setHead: (name: string, branch: string) => rest("PUT", `${project(name)}/HEAD`, { ref: `refs/heads/${branch}` }),
    setState: (name: string, state: "ACTIVE" | "READ_ONLY" | "HIDDEN") =>
      rest("PUT", `${project(name)}/config`, { state }),
    /** For all projects when the name is `All-Projects`. */
    installWebhook: (name: string, remote: string, fields: object) =>
      rest("PUT", `/config/server/webhooks~projects/${encodeURIComponent(name)}/remotes/${remote}`, fields),
    /** Pushes refspecs out of a local repository; `+` forces, an empty source deletes. */
    push: (repo: string, name: string, ...refspecs: string[]) =>
      git(["-C", repo, "push", "--quiet", "--atomic", gitUrl(name), ...refspecs]).then(() => undefined),
    tryPush: (repo: string, name: string, ...refspecs: string[]) =>
      tryGit(["-C", repo, "push", "--quiet", gitUrl(name), ...refspecs]),
    /** Approves and submits the change of a commit that was pushed to `refs/for/`. */
    async submit(commit: string): Promise<void> {
      const found = (await rest("GET", `/changes/?q=commit:${commit}`)) as { _number: number }[];
      const change = `/changes/${found[0]?._number}`;
      await rest("POST", `${change}/revisions/current/review`, { labels: { "Code-Review": 2 } });
      await rest("POST", `${change}/submit`, {});
    },
  };
}

function accessOf(rules: readonly AccessRule[]): object {
  const sections: Record<string, { permissions: Record<string, { rules: Record<string, object> }> }> = {};
  for (const { ref, permission, group, action = "ALLOW", force = false } of rules) {
    sections[ref] ??= { permissions: {} };
    const { permissions } = sections[ref];
    permissions[permission] ??= { rules: {} };
    permissions[permission].rules[group] = { action, force };
  }
  return sections;
}

/** Gerrit's JSON begins with a line that keeps browsers from running it; errors are plain text. */
function parse(text: string): unknown {
  if (!text.startsWith(")]}'")) return undefined;
  return JSON.parse(text.slice(text.indexOf("\n") + 1));
}
