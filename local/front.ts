// The HTTP front of one machine: what Lambda's function URL does for the webhook, and a health check.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { LambdaFunctionURLEvent, LambdaFunctionURLResult } from "aws-lambda";
import { WEBHOOK_BODY_BYTES_MAX } from "../src/contract.ts";
import type { Log } from "../src/ports.ts";
import { makeGate } from "./gate.ts";

export type WebhookHandler = (event: LambdaFunctionURLEvent) => Promise<LambdaFunctionURLResult>;

export type FrontOptions = { host: string; port: number; handler: WebhookHandler; log: Log };

export type Front = {
  /** With the real host and port. */
  url: string;
  /**
   * From now on `/health` says 503 and posts are dropped without an answer: Gerrit repeats those until the next
   * process listens, while after any status it would take the event for delivered or refused.
   */
  drain(): void;
  close(): Promise<void>;
};

/** A whole request must be there in this time; a body has at most 256 KiB. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How long the rest of a refused body is thrown away: closing at once would reset the connection before the answer is read. */
const LINGER_MS = 1_000;

/** A thousand posts at once would each hold a request of the AWS SDK: 150 MB more, and not a bit faster. */
const CALLS_AT_ONCE = 16;

/** Rejects when the address cannot be listened on. */
export async function startFront(options: FrontOptions): Promise<Front> {
  let draining = false;
  const gate = makeGate(CALLS_AT_ONCE);
  const handler: WebhookHandler = (event) => gate(() => options.handler(event));
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, noDelay: true }, (request, response) => {
    const path = pathOf(request);
    if (path === "/health" && (request.method === "GET" || request.method === "HEAD")) {
      return draining ? respond(response, 503, { status: "draining" }) : respond(response, 200, { status: "ok" });
    }
    if (path !== "/webhook" && !path.startsWith("/webhook/")) return respond(response, 404, { error: "not found" });
    if (draining) return request.destroy();
    serveWebhook(request, response, { ...options, handler }).catch((error: unknown) => {
      options.log("error", "front failed", { error: String(error) });
      response.destroy();
    });
  });
  server.listen(options.port, options.host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    drain: () => {
      draining = true;
    },
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serveWebhook(request: IncomingMessage, response: ServerResponse, options: FrontOptions): Promise<void> {
  request.on("error", () => {}); // a client that goes away in the middle of its body
  const body = await readBody(request);
  if (body === "cut") return;
  if (body === "too large") return refuseBody(request, response);
  let result: LambdaFunctionURLResult;
  try {
    result = await options.handler(functionUrlEvent(request, body));
  } catch (error) {
    options.log("error", "webhook handler failed", { error: String(error) });
    // What a function URL answers when the function throws.
    return respond(response, 502, { message: "Internal Server Error" });
  }
  if (typeof result === "string") return respond(response, 200, result);
  const headers = Object.entries(result.headers ?? {}).map(([name, value]) => [name, String(value)] as const);
  const bytes = Buffer.from(result.body ?? "", result.isBase64Encoded ? "base64" : "utf8");
  response.writeHead(result.statusCode ?? 200, Object.fromEntries(headers)).end(bytes);
}

async function readBody(request: IncomingMessage): Promise<Buffer | "too large" | "cut"> {
  if (Number(request.headers["content-length"] ?? 0) > WEBHOOK_BODY_BYTES_MAX) return "too large";
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > WEBHOOK_BODY_BYTES_MAX) {
        chunks.length = 0;
        resolve("too large");
      } else chunks.push(chunk);
    });
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("close", () => resolve("cut"));
  });
}

function refuseBody(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("connection", "close");
  respond(response, 413, { error: `the body is larger than ${WEBHOOK_BODY_BYTES_MAX} bytes` });
  request.resume();
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.once("close", () => clearTimeout(timer));
}

/** Payload format 2.0 of a function URL without authorizer; the body always base64, so that signatures see the raw bytes. */
function functionUrlEvent(request: IncomingMessage, body: Buffer): LambdaFunctionURLEvent {
  const path = pathOf(request);
  const target = request.url ?? "/";
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : value]),
  );
  const now = new Date();
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: target.slice(path.length + 1),
    headers,
    requestContext: {
      accountId: "anonymous",
      apiId: "local",
      domainName: headers.host ?? "",
      domainPrefix: "local",
      http: {
        method: request.method ?? "GET",
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: (request.socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
        userAgent: headers["user-agent"] ?? "",
      },
      requestId: randomUUID(),
      routeKey: "$default",
      stage: "$default",
      time: now.toISOString(),
      timeEpoch: now.getTime(),
    },
    body: body.toString("base64"),
    isBase64Encoded: true,
  };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}

function respond(response: ServerResponse, status: number, body: object | string): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json" }).end(text);
}
