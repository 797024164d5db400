// A stand-in for the REST API of Gerrit's webhooks plugin with what was measured on 3.10.1: silent about what it does not know.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Fields = Record<string, unknown>;

export type WebhooksRestOptions = {
  /** False: Gerrit without the plugin. */
  plugin?: boolean;
  /** Of gerrit.config's section [plugin "webhooks"], in the API's words. */
  global?: Fields;
  /** Values that gerrit.config's `maxAllowed...` put in the place of what a project says (plugins since 2025). */
  caps?: Fields;
  /** Runs before a PUT is done; a status it returns is answered instead. */
  onPut?: () => Promise<number | undefined> | number | undefined;
};

export type WebhooksRest = {
  url: string;
  /** What stands in each project's own webhooks.config: project -> remote -> keys. */
  files: Map<string, Map<string, Fields>>;
  requests: { method: string; path: string; body: string }[];
  options: WebhooksRestOptions;
  /** The values in force for a project, as Gerrit would post by them. */
  inForce(project: string): Record<string, Fields>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** The administrator, and an account that may only read. */
export const OWNER = { username: "admin", password: "owner-of-the-tests" };
export const READER = { username: "mirror", password: "reader-of-the-tests" };

const DEFAULTS: Fields = {
  connection_timeout: 5000,
  socket_timeout: 5000,
  max_tries: 5,
  retry_interval: 1000,
  ssl_verify: false,
};

export async function startWebhooksRest(options: WebhooksRestOptions = {}): Promise<WebhooksRest> {
  const files = new Map(["All-Projects", "team/app"].map((name) => [name, new Map<string, Fields>()]));
  const requests: WebhooksRest["requests"] = [];
  const rest = { files, requests, options, inForce: (project: string) => inForce(files, options, project) };
  const server = createServer((request, response) => {
    serve(rest, request, response).catch((error: unknown) => say(response, 500, String(error)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    ...rest,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

type Site = Omit<WebhooksRest, "url" | typeof Symbol.asyncDispose>;

async function serve(site: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", url: path = "", headers } = request;
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
  site.requests.push({ method, path, body });
  const account = [OWNER, READER].find(
    ({ username, password }) =>
      headers.authorization === `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
  );
  if (account === undefined) return say(response, 401, "<html>Unauthorized</html>");
  const project = /^\/a\/projects\/([^/]+)$/.exec(path)?.[1];
  if (project !== undefined) {
    const name = decodeURIComponent(project);
    return site.files.has(name)
      ? answer(response, 200, { id: project, name })
      : say(response, 404, `Not found: ${project}`);
  }
  const [, encoded, remote] = /^\/a\/config\/server\/webhooks~projects\/([^/]+)\/remotes\/([^/]*)$/.exec(path) ?? [];
  const file = site.files.get(decodeURIComponent(encoded ?? ""));
  if (site.options.plugin === false || encoded === undefined || remote === undefined)
    return say(response, 404, "Not found");
  if (file === undefined) return say(response, 404, `Project ${decodeURIComponent(encoded)} does not exist`);
  const shown = site.inForce(decodeURIComponent(encoded));
  // Measured: whoever may call the API may read every remote.
  if (method === "GET" && remote === "") return answer(response, 200, shown);
  if (method === "DELETE" && headers["content-type"]?.includes("json") === true && body === "") {
    return say(response, 400, "Expected JSON object");
  }
  if (account !== OWNER) return say(response, 403, "not allowed to update webhooks");
  const name = decodeURIComponent(remote);
  if (method === "DELETE") {
    if (!(name in shown)) return say(response, 404, `Remote ${name} does not exist`);
    file.delete(name);
    return void response.writeHead(204).end();
  }
  const refused = await site.options.onPut?.();
  if (refused !== undefined) return say(response, refused, `error while writing ${body}`);
  const input = JSON.parse(body) as Fields;
  if (typeof input.url !== "string" || input.url === "") return say(response, 500, "Internal server error");
  write(file, name, input);
  answer(response, name in shown ? 200 : 201, site.inForce(decodeURIComponent(encoded))[name] ?? {});
}

/** Fields not sent keep their value, one equal to the built-in default is removed, unknown ones are ignored. */
function write(file: Map<string, Fields>, name: string, input: Fields): void {
  const fields = file.get(name) ?? {};
  fields.url = input.url;
  if (Array.isArray(input.events)) fields.events = input.events;
  for (const [key, builtIn] of Object.entries(DEFAULTS)) {
    if (input[key] === undefined) continue;
    if (input[key] === builtIn) delete fields[key];
    else fields[key] = input[key];
  }
  file.set(name, fields);
}

/** Key by key, the child's value before All-Projects'. */
function inForce(
  files: WebhooksRest["files"],
  { global, caps }: WebhooksRestOptions,
  project: string,
): Record<string, Fields> {
  const [parent, own] = [files.get("All-Projects"), files.get(project)];
  const names = new Set([...(parent?.keys() ?? []), ...(own?.keys() ?? [])]);
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      { events: [], ...DEFAULTS, ...global, ...parent?.get(name), ...own?.get(name), ...caps },
    ]),
  );
}

function answer(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`)]}'\n${JSON.stringify(value)}\n`);
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain" }).end(text);
}
