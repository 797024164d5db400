// The faults a Git server, a proxy or the network can show, and the rules that say which requests meet them.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { cutAfter, dropTail, editPack, flipBit } from "./answer-transforms.ts";
import {
  type Exchange,
  type Intervention,
  type OnRequest,
  type RequestRecord,
  respond,
  type Service,
} from "./git-server.ts";
import { claimOk, dropOk, reportUnpackError } from "./report-lies.ts";

/** Bytes are counted in the answer's body before compression; `pack` bytes are those inside side-band 1. */
export type Fault =
  /** Answers at once, before the request's body is read (`headers: {connection: "close"}` cuts its rest off). */
  | { kind: "status"; status: number; headers?: Readonly<Record<string, string>>; body?: string | Uint8Array }
  /** A sign-in page: 200 and text/html. */
  | { kind: "html"; body?: string }
  /** Any bytes with the right content type, in place of git's. */
  | { kind: "replace"; body: string | Uint8Array; contentType?: string }
  /** 200 with an `ERR` packet. */
  | { kind: "err-packet"; message: string }
  /** RST: before any answer, or after the headers and so many bytes of git's answer. */
  | { kind: "reset"; afterBytes?: number }
  /** RST when so many bytes of the request's body have come. */
  | { kind: "reset-request"; afterBytes: number }
  /** Silence until the client or the server closes: before any answer, or after the headers and so many bytes. */
  | { kind: "hang"; afterBytes?: number }
  /** A cut answer that ends as if it were whole. */
  | { kind: "end"; afterBytes: number }
  /** The same, counted from the end: 4 takes a list's final flush-pkt. */
  | { kind: "drop-tail"; bytes: number }
  | { kind: "flip-bit"; atByte: number }
  | { kind: "flip-pack-bit"; atByte: number }
  /** A pack that is cut between well-formed packets, with the final flush-pkt. */
  | { kind: "cut-pack"; afterBytes: number }
  /** A side-band 3 message after so many bytes of the pack (0 when absent), then the end. */
  | { kind: "sideband-error"; message: string; afterBytes?: number }
  /** `unpack ok` and `ok` for all commands; git is not run and nothing moves. */
  | { kind: "claim-ok" }
  /** Git is run, and its report lacks the `ok` line of `ref` (of the first one when absent). */
  | { kind: "drop-ok"; ref?: string }
  /** `unpack MESSAGE` and `ng` for all commands; git is not run. */
  | { kind: "unpack-error"; message: string }
  /** Waits, then goes on to the next rule that matches. */
  | { kind: "delay"; milliseconds: number };

export type FaultRule = {
  on: Service | readonly Service[] | ((record: RequestRecord) => boolean);
  fault: Fault;
  /** How many matching requests meet it; 1 when absent, `Infinity` for all. */
  times?: number;
  /** How many matching requests pass first. */
  after?: number;
};

/** For a git server's `onRequest`. The array is read at each request, so a test may push to it or empty it. */
export function injectFaults(rules: readonly FaultRule[]): OnRequest {
  const seen = new Map<FaultRule, number>();
  return async (record) => {
    for (const rule of rules) {
      if (!matches(rule, record)) continue;
      const before = seen.get(rule) ?? 0;
      seen.set(rule, before + 1);
      const { after = 0, times = 1, fault } = rule;
      if (before < after || before >= after + times) continue;
      if (fault.kind !== "delay") return interventionOf(fault);
      await wait(fault.milliseconds);
    }
    return undefined;
  };
}

/** A loopback URL on a port that nobody listens on. */
export async function refusingUrl(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

function matches({ on }: FaultRule, record: RequestRecord): boolean {
  if (typeof on === "function") return on(record);
  return typeof on === "string" ? on === record.service : on.includes(record.service);
}

function interventionOf(fault: Exclude<Fault, { kind: "delay" }>): Intervention {
  switch (fault.kind) {
    case "status": {
      const challenge: Record<string, string> =
        fault.status === 401 ? { "www-authenticate": 'Basic realm="Gerrit Code Review"' } : {};
      const headers = { "content-type": "text/plain", ...challenge, ...fault.headers };
      return { answer: (exchange) => respond(exchange, fault.status, headers, fault.body) };
    }
    case "html": {
      const page = fault.body ?? "<!DOCTYPE html><html><title>Sign in</title><body>Please sign in.</body></html>\n";
      return { answer: (exchange) => respond(exchange, 200, { "content-type": "text/html; charset=utf-8" }, page) };
    }
    case "replace":
      return { answer: (exchange) => respondAsGit(exchange, fault.body, fault.contentType) };
    case "err-packet": {
      const payload = `ERR ${fault.message}\n`;
      const length = (Buffer.byteLength(payload) + 4).toString(16).padStart(4, "0");
      return { answer: (exchange) => respondAsGit(exchange, `${length}${payload}`) };
    }
    case "reset": {
      const { afterBytes } = fault;
      if (afterBytes === undefined) return { answer: reset };
      return { through: (exchange) => cutAfter(afterBytes, () => resetSoon(exchange)) };
    }
    case "reset-request":
      return { answer: (exchange) => resetAfterRequestBytes(exchange, fault.afterBytes) };
    case "hang": {
      const { afterBytes } = fault;
      if (afterBytes === undefined) return { answer: ({ request }) => void request.resume() };
      return { through: () => cutAfter(afterBytes, () => {}) };
    }
    case "end":
      return { through: () => cutAfter(fault.afterBytes, (transform) => transform.push(null)) };
    case "drop-tail":
      return { through: () => dropTail(fault.bytes) };
    case "flip-bit":
      return { through: () => flipBit(fault.atByte) };
    case "flip-pack-bit":
      return { through: () => editPack({ flipAt: fault.atByte }) };
    case "cut-pack":
      return { through: () => editPack({ cutAt: fault.afterBytes }) };
    case "sideband-error":
      return { through: () => editPack({ cutAt: fault.afterBytes ?? 0, error: fault.message }) };
    case "claim-ok":
      return { answer: claimOk };
    case "drop-ok":
      return { through: () => dropOk(fault.ref) };
    case "unpack-error":
      return { answer: (exchange) => reportUnpackError(exchange, fault.message) };
  }
}

function respondAsGit(exchange: Exchange, body: string | Uint8Array, contentType = gitType(exchange.record)): void {
  respond(exchange, 200, { "content-type": contentType, "cache-control": "no-cache" }, body);
}

function gitType({ method, query, path }: RequestRecord): string {
  if (method === "GET") return `application/x-${query.replace("service=", "")}-advertisement`;
  return `application/x-${path.slice(path.lastIndexOf("/") + 1)}-result`;
}

function reset({ request }: Exchange): void {
  // A TLS socket has no RST of its own; closing it without close_notify is what the client can see of one.
  if ("resetAndDestroy" in request.socket && !("encrypted" in request.socket)) request.socket.resetAndDestroy();
  else request.socket.destroy();
}

/** An RST may overtake bytes that were written just before it, so those get a moment to arrive. */
async function resetSoon(exchange: Exchange): Promise<void> {
  await wait(30);
  reset(exchange);
}

function resetAfterRequestBytes(exchange: Exchange, bytes: number): void {
  const { request, record } = exchange;
  request.on("data", (chunk: Buffer) => {
    record.requestBytes += chunk.length;
    if (record.requestBytes >= bytes) reset(exchange);
  });
  request.once("end", () => reset(exchange));
}
