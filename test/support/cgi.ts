// Runs `git http-backend` as a CGI child for one exchange, streaming both ways with backpressure.
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Readable, Transform } from "node:stream";
import { createGzip, constants as zlib } from "node:zlib";
import { configEnv, GIT_ENV } from "./git.ts";
import type { Exchange } from "./git-server.ts";

/** A running backend; `ended` resolves when it has exited. */
export type CgiChild = { ended: Promise<void> };

export type CgiRun = {
  backend: string;
  env: Readonly<Record<string, string>>;
  exchange: Exchange;
  /** Holds the child while it runs. */
  children: Set<CgiChild>;
  through: Transform | undefined;
  gzip: boolean;
};

/** What stays the same for all requests of a server. */
export function backendEnv(root: string, config: Readonly<Record<string, string>>): Record<string, string> {
  const { PATH = "", HOME = "", LC_ALL = "" } = GIT_ENV;
  return {
    PATH,
    HOME,
    LC_ALL,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: "1",
    // Background maintenance would outlive the request that caused it.
    ...configEnv({ "http.receivepack": "true", "receive.autogc": "false", "gc.auto": "0", ...config }),
  };
}

/** Resolves when the answer has been handed on or the client has gone. */
export async function runBackend({ backend, env, exchange, children, through, gzip }: CgiRun): Promise<void> {
  const { request, response, record } = exchange;
  if (response.destroyed) return;
  // A process group of its own, so that upload-pack and pack-objects end together with the backend.
  const child = spawn(backend, [], { env: { ...env, ...requestEnv(exchange) }, stdio: "pipe", detached: true });
  const entry = { ended: once(child, "close").then(() => undefined) };
  children.add(entry);
  void entry.ended.finally(() => children.delete(entry));
  child.stderr.resume();
  child.stdin.on("error", () => {}); // git may answer, and end, before it has read everything
  request.on("data", (chunk: Buffer) => {
    record.requestBytes += chunk.length;
  });
  request.pipe(child.stdin);
  response.once("close", () => {
    if (response.writableFinished) return;
    child.stdin.destroy();
    child.stdout.destroy();
    // SIGTERM, not SIGKILL: receive-pack then removes its quarantine and locks.
    if (child.pid !== undefined && child.exitCode === null) killGroup(child.pid);
  });
  const head = await readHead(child.stdout);
  if (head === undefined) {
    response.destroy();
    return;
  }
  const compress = gzip && /\bgzip\b/.test(String(request.headers["accept-encoding"]));
  record.status = head.status;
  response.writeHead(head.status, compress ? { ...head.headers, "content-encoding": "gzip" } : head.headers);
  if (through !== undefined) response.flushHeaders();
  let body: Readable = child.stdout;
  if (through !== undefined) body = body.pipe(through);
  if (compress) body = body.pipe(createGzip({ level: 1, flush: zlib.Z_SYNC_FLUSH }));
  body.on("data", (chunk: Buffer) => {
    record.responseBytes += chunk.length;
  });
  body.pipe(response);
}

function requestEnv({ request, record }: Exchange): Record<string, string> {
  const { headers } = request;
  const gitProtocol = headers["git-protocol"];
  return {
    REQUEST_METHOD: record.method,
    PATH_INFO: record.path,
    QUERY_STRING: record.query,
    REMOTE_ADDR: "127.0.0.1",
    REMOTE_USER: userOf(request),
    SERVER_PROTOCOL: "HTTP/1.1",
    ...(headers["content-type"] === undefined ? {} : { CONTENT_TYPE: headers["content-type"] }),
    ...(headers["content-length"] === undefined ? {} : { CONTENT_LENGTH: headers["content-length"] }),
    ...(headers["content-encoding"] === undefined ? {} : { HTTP_CONTENT_ENCODING: headers["content-encoding"] }),
    ...(typeof gitProtocol === "string" ? { GIT_PROTOCOL: gitProtocol } : {}),
  };
}

function userOf(request: IncomingMessage): string {
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  return basic === undefined ? "anonymous" : (Buffer.from(basic, "base64").toString("utf8").split(":")[0] ?? "");
}

type Head = { status: number; headers: Record<string, string> };

/** The CGI headers; what follows them stays in the stream. Undefined when git ended without any. */
async function readHead(stdout: Readable): Promise<Head | undefined> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = stdout.read() as Buffer | null;
    if (chunk === null) {
      if (stdout.readableEnded || stdout.destroyed) return undefined;
      await Promise.race([once(stdout, "readable"), once(stdout, "close")]);
      continue;
    }
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) continue;
    if (bytes.length > end + 4) stdout.unshift(bytes.subarray(end + 4));
    return parseHead(bytes.toString("latin1", 0, end));
  }
}

function parseHead(text: string): Head {
  const fields = text.split("\r\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const { status = "200", ...headers } = Object.fromEntries(fields);
  return { status: Number.parseInt(status, 10), headers };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGTERM");
  } catch {
    // it ended in the meantime
  }
}
