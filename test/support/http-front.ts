// A reverse proxy on loopback in front of any server: it records, holds requests back, and can be down.
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { AddressInfo } from "node:net";

export type FrontRecord = {
  method: string;
  /** As it came, still percent-encoded, with its query. */
  path: string;
  kind: "ls-refs" | "fetch" | "advertisement" | "other";
  /** 0 while there is no answer. */
  status: number;
  /** The first bytes of the answer's body as they came. */
  beginning: string;
  /** Milliseconds of `performance.now()`. */
  startedAt: number;
  endedAt: number;
};

export type HttpFront = {
  url: string;
  /** Requests go there; it can be changed. */
  target: string;
  /** While set, every connection is cut without an answer. */
  down: boolean;
  records: FrontRecord[];
  /** Requests that were cut because it was down. */
  cut: number;
  /** Awaited before a request is passed on. */
  before: ((record: FrontRecord) => Promise<void>) | undefined;
  close(): Promise<void>;
};

const BEGINNING_BYTES = 200;
const UNANSWERED = { status: 0, beginning: "", endedAt: 0 };

export async function startHttpFront(target: string): Promise<HttpFront> {
  const agent = new Agent({ keepAlive: true });
  const server = createServer({ noDelay: true, requestTimeout: 0, keepAliveTimeout: 60_000 }, (request, response) => {
    if (!front.down) return void pass(front, agent, request, response).catch(() => request.socket.destroy());
    front.cut++;
    request.socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const front: HttpFront = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target,
    down: false,
    records: [],
    cut: 0,
    before: undefined,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
  return front;
}

async function pass(front: HttpFront, agent: Agent, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const startedAt = performance.now();
  // Requests to a source and events are short; a body that is held can be told by its kind.
  const body = Buffer.concat(await request.toArray());
  const { method = "GET", url: path = "/" } = request;
  const record: FrontRecord = { method, path, kind: kindOf(method, path, body), ...UNANSWERED, startedAt };
  front.records.push(record);
  await front.before?.(record);
  const { hostname, port } = new URL(front.target);
  const { host: _, "transfer-encoding": __, ...headers } = request.headers;
  const passed = send({ agent, hostname, port, method, path, headers: { ...headers, "content-length": body.length } });
  passed.end(body);
  const [answer] = (await once(passed, "response")) as [IncomingMessage];
  record.status = answer.statusCode ?? 0;
  response.writeHead(record.status, answer.headers);
  response.once("close", () => {
    record.endedAt = performance.now();
    answer.destroy();
  });
  answer.once("error", () => response.destroy());
  answer.once("data", (chunk: Buffer) => {
    record.beginning = chunk.toString("latin1", 0, BEGINNING_BYTES);
  });
  answer.pipe(response);
}

function kindOf(method: string, path: string, body: Buffer): FrontRecord["kind"] {
  if (method === "GET") return path.includes("/info/refs?") ? "advertisement" : "other";
  if (!path.endsWith("/git-upload-pack")) return "other";
  return body.includes("command=ls-refs") ? "ls-refs" : "fetch";
}
