// The HttpClient on node:http and node:https: keep-alive, connect and idle timeouts, gzip answers, proxies; no redirects.
import type http from "node:http";
import type https from "node:https";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { MirrorError } from "../errors.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "../ports.ts";
import { type SilenceClock, startSilenceClock } from "./silence-clock.ts";
import { transportError } from "./transport-error.ts";

// A static import would evaluate every getter of the module, and with WebSocket's all of undici: 20 ms and 11 MB at each start.
const { Agent: PlainAgent, request: plainRequest } = process.getBuiltinModule("node:http");

export type HttpOptions = {
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as curl and git read them. */
  proxyEnv?: Readonly<Record<string, string | undefined>>;
  /** PEM text of a private certificate authority, trusted beside the usual ones. */
  ca?: string;
  connectTimeoutMs?: number;
  /** For requests that say nothing of it; see smart-http.ts for Git's. */
  idleTimeoutMs?: number;
};

/** TCP and TLS together; three SYN retransmissions (1 + 2 + 4 s) fit twice. */
export const CONNECT_TIMEOUT_MS = 15_000;
export const IDLE_TIMEOUT_MS = 60_000;

/** Kept connections found closed before one request is given up: each is gone from the pool then. */
const STALE_MAX = 10;

/** Node's own agent would end a connection after 5 s of silence, a trap for every server that thinks (nodejs/node #53458). */
const AGENT = { keepAlive: true, timeout: 0, noDelay: true, scheduling: "lifo" } as const;

/** `close` ends idle connections, so that a process can end at once. */
export function createHttpClient(options: HttpOptions = {}): HttpClient & { close(): void } {
  const proxyEnv = options.proxyEnv === undefined ? {} : { proxyEnv: options.proxyEnv };
  const plain = new PlainAgent({ ...AGENT, ...proxyEnv });
  let secure: Promise<{ request: typeof https.request; agent: https.Agent }> | undefined;
  // TLS costs 15 ms of start: it is loaded with the first https URL.
  const loadSecure = async () => {
    const { Agent, request } = await import("node:https");
    const ca = options.ca === undefined ? {} : { ca: [...(await import("node:tls")).rootCertificates, options.ca] };
    return { request, agent: new Agent({ ...AGENT, ...proxyEnv, ...ca }) };
  };
  const client = async (request: HttpRequest): Promise<HttpResponse> => {
    const url = new URL(request.url);
    if (url.protocol !== "https:") return exchange(plainRequest, plain, url, request, options);
    secure ??= loadSecure();
    const { request: secureRequest, agent } = await secure;
    return exchange(secureRequest, agent, url, request, options);
  };
  const close = (): void => {
    plain.destroy();
    secure?.then(({ agent }) => agent.destroy());
  };
  return Object.assign(client, { close });
}

type Send = typeof plainRequest;

async function exchange(
  send: Send,
  agent: http.Agent,
  url: URL,
  request: HttpRequest,
  options: HttpOptions,
): Promise<HttpResponse> {
  const repeatable = request.body === undefined || request.body instanceof Uint8Array;
  for (let stale = 1; ; stale++) {
    try {
      return await exchangeOnce(send, agent, url, request, options);
    } catch (error) {
      // A kept connection that the server had closed meanwhile: nothing was answered, so the next try is on another.
      if (!(error instanceof StaleConnection)) throw error;
      if (!repeatable || stale > STALE_MAX) throw error.asMirrorError;
    }
  }
}

class StaleConnection extends Error {
  readonly asMirrorError: MirrorError;
  constructor(asMirrorError: MirrorError) {
    super("The server had closed a kept connection.");
    this.asMirrorError = asMirrorError;
  }
}

function exchangeOnce(
  send: Send,
  agent: http.Agent,
  url: URL,
  request: HttpRequest,
  options: HttpOptions,
): Promise<HttpResponse> {
  const idleMs = request.idleMs ?? options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  const connectMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    const signal = request.signal === undefined ? {} : { signal: request.signal };
    const outgoing = send(url, {
      method: request.method,
      headers: { ...request.headers },
      agent,
      timeout: 2 * connectMs,
      ...signal,
    });
    let answered = false;
    const fault: OwnFault = { error: undefined };
    const waiting = setTimeout(() => {
      const silence = new MirrorError(
        "unreachable",
        `${url.host}: no connection within ${(2 * connectMs) / 1000} s (a proxy that does not answer?).`,
      );
      // A request that waits for its tunnel has no socket yet, and says nothing when it is destroyed.
      reject(silence);
      outgoing.destroy();
    }, 2 * connectMs);
    outgoing.once("close", () => clearTimeout(waiting));
    outgoing.on("socket", (socket: Socket) => {
      clearTimeout(waiting);
      limitConnect(socket, outgoing, connectMs, request.url);
    });
    const clock = startSilenceClock(outgoing, idleMs, (silence) => {
      fault.error ??= silence;
      outgoing.destroy(silence);
    });
    outgoing.on("response", (incoming) => {
      answered = true;
      readResponse(incoming, outgoing, request, fault, clock).then(resolve, reject);
    });
    outgoing.on("error", (error) => {
      if (answered) return;
      const known = transportError(fault.error ?? error, request);
      reject(outgoing.reusedSocket && known.code === "unreachable" ? new StaleConnection(known) : known);
    });
    if (request.body === undefined || request.body instanceof Uint8Array) {
      outgoing.end(request.body);
      return;
    }
    writeBody(outgoing, request.body, clock).catch((error: unknown) => {
      fault.error = error;
      outgoing.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
}

/** Why this side broke the exchange off: that, and not the broken connection that follows, is the cause. */
type OwnFault = { error: unknown };

/** Waits for the drain of each full buffer, so that a pack of any size holds a few chunks. */
async function writeBody(
  outgoing: http.ClientRequest,
  body: AsyncIterable<Uint8Array>,
  clock: SilenceClock,
): Promise<void> {
  let wake: (() => void) | undefined;
  const roused = (): void => wake?.();
  outgoing.on("drain", roused).on("close", roused);
  for await (const chunk of body) {
    // The server may answer and hang up before it has read everything; its answer says why.
    if (outgoing.destroyed) return;
    clock.resume();
    if (!outgoing.write(chunk)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (outgoing.destroyed || !outgoing.writableNeedDrain) resolve();
      });
    }
    clock.pause();
  }
  if (outgoing.destroyed) return;
  clock.resume();
  outgoing.end();
}

function limitConnect(socket: Socket, outgoing: http.ClientRequest, connectMs: number, url: string): void {
  // Connections through a proxy are handed over connected.
  if (!socket.connecting) return;
  const host = new URL(url).host;
  const timer = setTimeout(
    () =>
      outgoing.destroy(
        new MirrorError("unreachable", `${host} did not accept the connection within ${connectMs / 1000} s.`),
      ),
    connectMs,
  );
  const done = (): void => clearTimeout(timer);
  socket.once("encrypted" in socket ? "secureConnect" : "connect", done).once("close", done);
}

async function readResponse(
  incoming: http.IncomingMessage,
  outgoing: http.ClientRequest,
  request: HttpRequest,
  fault: OwnFault,
  clock: SilenceClock,
): Promise<HttpResponse> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  let raw: Readable = incoming;
  if (headers["content-encoding"] === "gzip") {
    const { createGunzip } = await import("node:zlib");
    const { pipeline } = await import("node:stream");
    // Errors of either reach the reader through the decoder that `pipeline` destroys.
    raw = pipeline(incoming, createGunzip(), () => {});
  }
  const destroy = (): void => {
    if (incoming.complete && raw.readableEnded && outgoing.writableFinished) return;
    raw.destroy();
    outgoing.destroy();
  };
  const resume = (): void => {
    // Once the answer is whole its socket may be another request's already.
    if (!incoming.complete) clock.resume();
  };
  const body = readBody(raw, request, fault, { ...clock, resume });
  return { status: incoming.statusCode ?? 0, headers, body, destroy };
}

async function* readBody(
  raw: Readable,
  request: HttpRequest,
  fault: OwnFault,
  clock: SilenceClock,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of raw) {
      clock.pause();
      yield chunk as Uint8Array;
      clock.resume();
    }
  } catch (error) {
    throw transportError(fault.error ?? error, request);
  }
}
