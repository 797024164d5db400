// The operator's listener: loopback, behind a token; JSON in, JSON out.
import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MirrorError, summarizeError } from "../src/errors.ts";
import type { Secret } from "../src/model/secret.ts";
import type { Log } from "../src/ports.ts";

/** Key: method and path, as `GET /status`. What the function returns is the answer's JSON. */
export type OperatorRoutes = Readonly<Record<string, (query: URLSearchParams) => Promise<unknown>>>;

export type OperatorOptions = { token: Secret; routes: OperatorRoutes; log: Log; port?: number };

export type Operator = { url: string; close(): Promise<void> };

export async function startOperator(options: OperatorOptions): Promise<Operator> {
  let address = "";
  const server = createServer({ noDelay: true }, (request, response) => {
    const refusal = refusalOf(request, address, options.token);
    if (refusal) return respond(response, refusal.status, { error: refusal.reason });
    serve(request, response, options).catch(() => response.destroy());
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${address}`,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

type Refusal = { status: number; reason: string };

/** The Host first: a page whose name was rebound to loopback is told nothing, whatever it sends. */
function refusalOf(request: IncomingMessage, address: string, token: Secret): Refusal | undefined {
  if (request.headers.host !== address) return { status: 403, reason: `the Host must be ${address}` };
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (given === undefined || !sameText(given, token.expose())) return { status: 401, reason: "bad or missing token" };
  return undefined;
}

/** In constant time; the digests have one length whatever was given. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}

async function serve(request: IncomingMessage, response: ServerResponse, options: OperatorOptions): Promise<void> {
  const url = new URL(request.url ?? "/", "http://operator");
  const key = `${request.method} ${url.pathname}`;
  const route = Object.hasOwn(options.routes, key) ? options.routes[key] : undefined;
  if (route === undefined) {
    const known = Object.keys(options.routes);
    const other = known.some((name) => name.endsWith(` ${url.pathname}`));
    return respond(response, other ? 405 : 404, { error: `there is ${known.join(", ")}` });
  }
  try {
    respond(response, 200, await route(url.searchParams));
  } catch (error) {
    const known = MirrorError.from(error);
    if (known.code === "internal") options.log("error", "operator request failed", { request: key, error: known });
    respond(response, known.code === "usage" ? 400 : 500, { error: summarizeError(known) });
  }
}

function respond(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}
