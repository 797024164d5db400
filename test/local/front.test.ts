// The HTTP front: the function URL's event, the limit of a body, health, and draining.
import { once } from "node:events";
import { connect } from "node:net";
import type { LambdaFunctionURLEvent, LambdaFunctionURLResult } from "aws-lambda";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Front, startFront } from "../../local/front.ts";
import { WEBHOOK_BODY_BYTES_MAX } from "../../src/contract.ts";

let front: Front;
let events: LambdaFunctionURLEvent[];
let answer: () => Promise<LambdaFunctionURLResult>;
let logged: string[];

beforeEach(async () => {
  events = [];
  logged = [];
  answer = async () => ({ statusCode: 200, headers: { "content-type": "application/json" }, body: '{"queued":[]}' });
  front = await startFront({
    host: "127.0.0.1",
    port: 0,
    log: (_level, message) => logged.push(message),
    handler: (event) => {
      events.push(event);
      return answer();
    },
  });
});

afterEach(() => front.close());

describe("the front", () => {
  test("hands a post to the handler as a function URL does", async () => {
    const response = await fetch(`${front.url}/webhook/a%2Fb?x=1&y`, {
      method: "POST",
      body: Buffer.from([0x7b, 0xff, 0x7d]),
      headers: { "X-Hub-Signature-256": "sha256=00", "User-Agent": "Gerrit" },
    });
    expect([response.status, await response.text()]).toEqual([200, '{"queued":[]}']);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(events).toMatchObject([
      {
        version: "2.0",
        rawPath: "/webhook/a%2Fb",
        rawQueryString: "x=1&y",
        headers: { "x-hub-signature-256": "sha256=00", "content-length": "3" },
        requestContext: {
          http: {
            method: "POST",
            path: "/webhook/a%2Fb",
            protocol: "HTTP/1.1",
            sourceIp: "127.0.0.1",
            userAgent: "Gerrit",
          },
        },
        body: "e/99",
        isBase64Encoded: true,
      },
    ]);
  });

  test("leaves it to the handler to refuse other methods", async () => {
    answer = async () => ({ statusCode: 405, body: "{}" });
    expect((await fetch(`${front.url}/webhook`)).status).toBe(405);
  });

  test("serves nothing but the webhook and the health check", async () => {
    for (const path of ["/", "/webhooks", "/status", "/health/x", "/sweep"]) {
      expect((await fetch(`${front.url}${path}`)).status).toBe(404);
    }
    expect((await fetch(`${front.url}/health`, { method: "POST" })).status).toBe(404);
    expect(events).toEqual([]);
  });

  test("takes the largest body and refuses one byte more, whether its length is said or not", async () => {
    const post = (length: number, chunked: boolean) => {
      const bytes = new Uint8Array(length);
      const body = chunked ? new Blob([bytes]).stream() : bytes;
      return fetch(`${front.url}/webhook`, { method: "POST", body, duplex: "half" } as RequestInit);
    };
    expect((await post(WEBHOOK_BODY_BYTES_MAX, false)).status).toBe(200);
    expect((await post(WEBHOOK_BODY_BYTES_MAX, true)).status).toBe(200);
    expect(events).toHaveLength(2);
    expect((await post(WEBHOOK_BODY_BYTES_MAX + 1, false)).status).toBe(413);
    expect((await post(WEBHOOK_BODY_BYTES_MAX + 1, true)).status).toBe(413);
    expect(events).toHaveLength(2);
  });

  test("answers 413 before the body has come, and closes the connection though the rest never does", async () => {
    const { port } = new URL(front.url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.write("POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999\r\n\r\nabc");
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("calls the handler for at most 16 posts at once, and for the rest in turn", async () => {
    const ends: (() => void)[] = [];
    const called = new EventTarget();
    answer = () =>
      new Promise((resolve) => {
        ends.push(() => resolve({ statusCode: 200 }));
        called.dispatchEvent(new Event("call"));
      });
    const calls = async (count: number) => {
      while (ends.length < count) await once(called, "call");
    };
    const posts = Array.from({ length: 20 }, () => fetch(`${front.url}/webhook`, { method: "POST", body: "{}" }));
    await calls(16);
    expect((await fetch(`${front.url}/health`)).status).toBe(200);
    expect(ends).toHaveLength(16);
    ends[0]?.();
    await calls(17);
    for (const end of ends.slice(1)) end();
    await calls(20);
    for (const end of ends.slice(17)) end();
    expect((await Promise.all(posts)).map(({ status }) => status)).toEqual(Array(20).fill(200));
  });

  test("answers 502 when the handler throws, as a function URL does", async () => {
    answer = () => Promise.reject(new Error("broken"));
    expect((await fetch(`${front.url}/webhook`, { method: "POST" })).status).toBe(502);
    expect(logged).toEqual(["webhook handler failed"]);
  });

  test("is healthy until it drains; then it says so, and drops posts without an answer, for Gerrit to repeat", async () => {
    const health = await fetch(`${front.url}/health`);
    expect([health.status, await health.json()]).toEqual([200, { status: "ok" }]);
    front.drain();
    const draining = await fetch(`${front.url}/health`);
    expect([draining.status, await draining.json()]).toEqual([503, { status: "draining" }]);
    await expect(fetch(`${front.url}/webhook`, { method: "POST", body: "{}" })).rejects.toThrow();
    expect(events).toEqual([]);
  });

  test("rejects an address that is taken", async () => {
    const port = Number(new URL(front.url).port);
    await expect(startFront({ host: "127.0.0.1", port, log: () => {}, handler: answer })).rejects.toThrow(/EADDRINUSE/);
  });
});
