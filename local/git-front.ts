// The demonstration's two sides: the real `git http-backend` on loopback, and Gerrit's list of projects before it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { GIT_ENV, git } from "./git.ts";

export type GitFront = {
  url: string;
  /** Resolves at the next push that the mirror has taken in, or when `signal` is aborted. */
  nextPush(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

/** Below `root`: `source/NAME.git`, served as Gerrit does at `/NAME` and `/a/NAME`, and `mirror/NAME.git` at the same path. */
export async function startGitFront(root: string): Promise<GitFront> {
  const backend = join((await git(root, "--exec-path")).trim(), "git-http-backend");
  const pushes = new EventTarget();
  const server = createServer({ noDelay: true, requestTimeout: 0 }, (request, response) => {
    serve({ root, backend, pushes }, request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    nextPush: (signal) =>
      new Promise((resolve) => {
        if (signal.aborted) resolve();
        pushes.addEventListener("push", () => resolve(), { once: true, signal });
        signal.addEventListener("abort", () => resolve(), { once: true });
      }),
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

type Site = { root: string; backend: string; pushes: EventTarget };

async function serve(site: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://git");
  const path = decodeURIComponent(url.pathname);
  if (/^(?:\/a)?\/projects\/$/.test(path)) return listProjects(site.root, url.searchParams, response);
  const place = path.startsWith("/mirror/") ? path : `/source${path.replace(/^\/a\//, "/")}`;
  await runBackend(site, request, response, { PATH_INFO: place, QUERY_STRING: url.search.slice(1) });
  if (response.statusCode === 200 && path.startsWith("/mirror/") && path.endsWith("/git-receive-pack")) {
    site.pushes.dispatchEvent(new Event("push"));
  }
}

/** As Gerrit: a map behind a line that keeps browsers from running it; `S` skips. */
async function listProjects(root: string, query: URLSearchParams, response: ServerResponse): Promise<void> {
  const names = (await readdir(join(root, "source"))).map((folder) => folder.replace(/\.git$/, "")).sort();
  const map = Object.fromEntries(
    names.slice(Number(query.get("S") ?? 0)).map((name) => [name, { id: encodeURIComponent(name), state: "ACTIVE" }]),
  );
  response.writeHead(200, { "content-type": "application/json; charset=UTF-8" }).end(`)]}'\n${JSON.stringify(map)}\n`);
}

/** One exchange by CGI (RFC 3875). Resolves when the answer is out. */
async function runBackend(
  { root, backend }: Site,
  request: IncomingMessage,
  response: ServerResponse,
  variables: Record<string, string>,
): Promise<void> {
  const { headers } = request;
  const env: Record<string, string> = {
    ...GIT_ENV,
    ...variables,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: "1",
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "http.receivepack",
    GIT_CONFIG_VALUE_0: "true",
    REQUEST_METHOD: request.method ?? "GET",
    REMOTE_ADDR: "127.0.0.1",
    SERVER_PROTOCOL: "HTTP/1.1",
    CONTENT_TYPE: headers["content-type"] ?? "",
    GIT_PROTOCOL: String(headers["git-protocol"] ?? ""),
  };
  if (headers["content-length"]) env.CONTENT_LENGTH = headers["content-length"];
  if (headers["content-encoding"]) env.HTTP_CONTENT_ENCODING = headers["content-encoding"];
  const child = spawn(backend, [], { env, stdio: ["pipe", "pipe", "ignore"] });
  // Some distributions pack `git http-backend` apart from git.
  child.once("error", () => {
    if (!response.headersSent)
      response.writeHead(500).end("git http-backend cannot be started; install the whole of git\n");
  });
  child.stdin.on("error", () => {}); // git may answer, and end, before it has read everything
  request.pipe(child.stdin);
  response.once("close", () => child.stdout.destroy());
  let head = Buffer.alloc(0);
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    if (response.headersSent) {
      if (!response.write(chunk)) await either(response, "drain");
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) continue;
    writeHead(response, head.toString("latin1", 0, end));
    response.write(head.subarray(end + 4));
  }
  response.end();
  await either(response, "finish");
}

/** The event, or that the client has gone. */
async function either(response: ServerResponse, event: "drain" | "finish"): Promise<void> {
  if (!response.destroyed) await Promise.race([once(response, event), once(response, "close")]);
}

function writeHead(response: ServerResponse, text: string): void {
  const fields = text.split("\r\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const { status = "200", ...headers } = Object.fromEntries(fields);
  response.writeHead(Number.parseInt(status, 10), headers);
}
