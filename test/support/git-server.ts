// Serves the repositories below a folder over HTTP/1.1 on loopback with the real `git http-backend`.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Transform } from "node:stream";
import { gunzipSync, constants as zlib } from "node:zlib";
import { makeCertificate } from "./certificate.ts";
import { backendEnv, type CgiChild, runBackend } from "./cgi.ts";
import { git } from "./git.ts";

/** What a request is for; `probe` is the empty POST that git sends before a chunked one. */
export type Service =
  | "upload-pack-advertisement"
  | "ls-refs"
  | "fetch"
  | "receive-pack-advertisement"
  | "receive-pack"
  | "probe"
  | "other";

/** Byte counts are of bodies as they crossed the wire; times are milliseconds of `performance.now()`. */
export type RequestRecord = {
  method: string;
  /** Percent-decoded. */
  path: string;
  query: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  service: Service;
  requestBytes: number;
  responseBytes: number;
  /** 0 while there is no answer. */
  status: number;
  startedAt: number;
  /** 0 while it runs. */
  endedAt: number;
};

export type Exchange = { request: IncomingMessage; response: ServerResponse; record: RequestRecord };

/** `answer` replaces git; `through` is what git's answer passes on its way out (before compression). */
export type Intervention =
  | { answer: (exchange: Exchange) => void | Promise<void> }
  | { through: (exchange: Exchange) => Transform };

export type OnRequest = (
  record: RequestRecord,
  exchange: Exchange,
) => Intervention | undefined | Promise<Intervention | undefined>;

export type GitServerOptions = {
  root: string;
  /** `true` makes a self-signed pair for 127.0.0.1 and localhost. */
  tls?: true | { key: string; cert: string };
  /** The exact `Authorization` value; anything else is answered with 401. */
  authorization?: string;
  /** Compresses answers where the client accepts gzip. */
  gzip?: boolean;
  /** Removed from the front of a path where it is there (Gerrit's `/a`). */
  stripPrefix?: string;
  /** More git configuration for the backend, such as `receive.denyDeletes`. */
  config?: Readonly<Record<string, string>>;
  onRequest?: OnRequest;
};

export type GitServer = {
  url: string;
  port: number;
  /** The certificate to trust, with `tls`. */
  ca: string | undefined;
  /** Every request since the start, oldest first. */
  requests: RequestRecord[];
  /** The repository's URL, each path segment percent-encoded. */
  urlOf(name: string): string;
  /** Waits until no backend runs: what a client left behind is then done or undone. */
  idle(): Promise<void>;
  /** Cuts every connection and waits until the last backend has ended. */
  close(): Promise<void>;
};

export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const backend = join((await git(["--exec-path"])).toString().trim(), "git-http-backend");
  const tls = options.tls === true ? await makeCertificate() : options.tls;
  const requests: RequestRecord[] = [];
  const children = new Set<CgiChild>();
  const env = backendEnv(options.root, options.config ?? {});
  const idle = async () => {
    await Promise.all(Array.from(children, (child) => child.ended));
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const exchange = open(request, response, options.stripPrefix);
    requests.push(exchange.record);
    serve(exchange, options, (through) =>
      runBackend({ backend, env, exchange, children, through, gzip: options.gzip ?? false }),
    ).catch(() => response.destroy());
  };
  const settings = { noDelay: true, keepAlive: true, requestTimeout: 0, keepAliveTimeout: 60_000 };
  const server = tls ? createTlsServer({ ...settings, ...tls }, listener) : createServer(settings, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `${tls ? "https" : "http"}://127.0.0.1:${port}`;
  return {
    url,
    port,
    ca: tls?.cert,
    requests,
    urlOf: (name) => `${url}/${name.split("/").map(encodeURIComponent).join("/")}`,
    idle,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      await idle();
    },
  };
}

/** Answers a whole body at once; the request's own body need not have been read. */
export function respond(
  { response, record }: Exchange,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: Uint8Array | string = "",
): void {
  const bytes = Buffer.from(body);
  record.status = status;
  record.responseBytes += bytes.length;
  response.writeHead(status, { "content-length": String(bytes.length), ...headers }).end(bytes);
}

function open(request: IncomingMessage, response: ServerResponse, stripPrefix = ""): Exchange {
  const [path = "/", query = ""] = split(request.url ?? "/");
  const decoded = decode(path);
  const record: RequestRecord = {
    method: request.method ?? "GET",
    path: stripPrefix !== "" && decoded.startsWith(`${stripPrefix}/`) ? decoded.slice(stripPrefix.length) : decoded,
    query,
    headers: request.headers,
    service: "other",
    requestBytes: 0,
    responseBytes: 0,
    status: 0,
    startedAt: performance.now(),
    endedAt: 0,
  };
  request.on("error", () => {}); // a client that goes away shows as the response's "close"
  response.on("error", () => {});
  response.once("close", () => {
    record.endedAt = performance.now();
  });
  return { request, response, record };
}

async function serve(
  exchange: Exchange,
  options: GitServerOptions,
  runGit: (through: Transform | undefined) => Promise<void>,
): Promise<void> {
  const { request, record } = exchange;
  if (options.authorization !== undefined && request.headers.authorization !== options.authorization) {
    return respond(exchange, 401, { "www-authenticate": 'Basic realm="Git"' }, "Unauthorized\n");
  }
  record.service = await serviceOf(request, record);
  const intervention = await options.onRequest?.(record, exchange);
  if (intervention !== undefined && "answer" in intervention) return intervention.answer(exchange);
  return runGit(intervention?.through(exchange));
}

async function serviceOf(request: IncomingMessage, record: RequestRecord): Promise<Service> {
  if (record.method === "GET") {
    if (record.query === "service=git-upload-pack") return "upload-pack-advertisement";
    return record.query === "service=git-receive-pack" ? "receive-pack-advertisement" : "other";
  }
  const service = record.path.slice(record.path.lastIndexOf("/") + 1);
  if (service !== "git-upload-pack" && service !== "git-receive-pack") return "other";
  const start = await peek(request);
  if (start.length === 4 && request.headers["content-length"] === "4") return "probe";
  if (service === "git-receive-pack") return "receive-pack";
  return start.includes("command=ls-refs") ? "ls-refs" : "fetch";
}

/** The first bytes of the request's body, decoded; they stay in the stream. */
async function peek(request: IncomingMessage): Promise<Buffer> {
  if (request.readableLength === 0 && !request.readableEnded) await once(request, "readable");
  const chunk = request.read() as Buffer | null;
  if (chunk === null) return Buffer.alloc(0);
  request.unshift(chunk);
  if (request.headers["content-encoding"] !== "gzip") return chunk;
  return gunzipSync(chunk, { finishFlush: zlib.Z_SYNC_FLUSH });
}

function split(target: string): [string, string] {
  const question = target.indexOf("?");
  return question < 0 ? [target, ""] : [target.slice(0, question), target.slice(question + 1)];
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
