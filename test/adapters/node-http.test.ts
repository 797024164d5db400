// The HttpClient's bodies, both ways: early, slow, broken and half ones.
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import { MirrorError } from "../../src/errors.ts";
import type { HttpRequest } from "../../src/ports.ts";
import { httpAnswer, onRequestHead, startRawServer } from "../support/raw-server.ts";
import { CONNECT_MS, IDLE_MS, read, says } from "./node-http-kit.ts";

let client: ReturnType<typeof createHttpClient>;
beforeEach(() => {
  client = createHttpClient({ idleTimeoutMs: IDLE_MS, connectTimeoutMs: CONNECT_MS });
});
afterEach(() => client.close());

const get = (url: string, more: Partial<HttpRequest> = {}) => client({ method: "GET", url, headers: {}, ...more });

describe("a request's body", () => {
  /** Bytes for ever; `given` counts them, `ended` tells that the client let go of them. */
  function endless() {
    const state = { given: 0, ended: false };
    const body = (async function* () {
      try {
        for (;;) {
          state.given += 65_536;
          yield Buffer.alloc(65_536);
          await new Promise(setImmediate);
        }
      } finally {
        state.ended = true;
      }
    })();
    return { state, body };
  }

  test("is given up when the answer came early and is dropped", async () => {
    await using server = await startRawServer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 7\r\n\r\ntoo big");
        socket.resume();
      });
    });
    const { state, body } = endless();
    const response = await client({ method: "POST", url: server.url, headers: {}, body });
    expect(response.status).toBe(413);
    expect(await read(response)).toBe("too big");
    response.destroy();
    await expect.poll(() => state.ended).toBe(true);
  });

  test("waits for a server that reads slowly: what is taken of it stays bounded", async () => {
    await using server = await startRawServer((socket) => socket.pause());
    const { state, body } = endless();
    const failed = client({ method: "POST", url: server.url, headers: {}, body });
    await expect(failed).rejects.toMatchObject({ code: "timed-out" });
    expect(state.given).toBeGreaterThan(0);
    // The kernel's buffers of both ends take some megabytes.
    expect(state.given).toBeLessThan(32_000_000);
    await expect.poll(() => state.ended).toBe(true);
  });

  test("that throws breaks the request off: the server never sees it end", async () => {
    let received = "";
    let ended: Promise<unknown> | undefined;
    await using server = await startRawServer((socket) => {
      socket.on("data", (chunk: Buffer) => {
        received += chunk.toString("latin1");
      });
      ended = once(socket, "close");
    });
    const cause = new MirrorError("corrupt-pack", "The pack was cut.");
    const body = (async function* () {
      yield Buffer.from("half");
      await expect.poll(() => received).toContain("half");
      throw cause;
    })();
    await expect(client({ method: "POST", url: server.url, headers: {}, body })).rejects.toBe(cause);
    await ended;
    expect(received).toMatch(/transfer-encoding: chunked/i);
    expect(received.endsWith("\r\n4\r\nhalf\r\n")).toBe(true);
  });

  test("that throws after the answer began is what the answer's reader is told", async () => {
    await using server = await startRawServer(says("content-length: 10", "12345", false));
    const cause = new MirrorError("corrupt-pack", "The pack was cut.");
    let fail: (() => void) | undefined;
    const failing = new Promise<void>((resolve) => {
      fail = resolve;
    });
    const body = (async function* () {
      yield Buffer.from("half");
      await failing;
      throw cause;
    })();
    const response = await client({ method: "POST", url: server.url, headers: {}, body });
    fail?.();
    await expect(read(response)).rejects.toBe(cause);
  });
});

describe("an answer's body", () => {
  test("is not read ahead of its reader: what the server can send stays bounded", async () => {
    let written = 0;
    await using server = await startRawServer((socket) => {
      onRequestHead(socket, () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\n");
        const more = (): void => {
          while (!socket.destroyed && written < 200_000_000) {
            written += 65_536;
            if (!socket.write(Buffer.alloc(65_536))) return void socket.once("drain", more);
          }
        };
        more();
      });
    });
    const response = await get(server.url);
    const iterator = response.body[Symbol.asyncIterator]();
    await iterator.next();
    // Longer than the bytes need that the kernel's buffers take.
    await wait(500);
    expect(written).toBeLessThan(32_000_000);
    response.destroy();
  });

  test.each([
    ["gzip that is none", says("content-encoding: gzip\r\ncontent-length: 9", "plaintext", true), "malformed-answer"],
    [
      "gzip that is cut, in a whole answer",
      says("content-encoding: gzip\r\ncontent-length: 20", gzipSync("x".repeat(50)).subarray(0, 20), true),
      "malformed-answer",
    ],
    [
      "gzip whose connection is cut",
      says("content-encoding: gzip\r\ncontent-length: 99", gzipSync("x".repeat(50)).subarray(0, 20), true),
      "unreachable",
    ],
    ["fewer bytes than content-length", says("content-length: 10", "12345", true), "unreachable"],
    ["chunks without the last one", says("transfer-encoding: chunked", "5\r\n12345\r\n", true), "unreachable"],
    ["chunks cut inside", says("transfer-encoding: chunked", "f\r\n12345", true), "unreachable"],
    ["chunks of no length", says("transfer-encoding: chunked", "zz\r\n12345\r\n", true), "unreachable"],
  ] as const)("of %s ends with an error", async (_, answer, code) => {
    await using server = await startRawServer(answer);
    await expect(read(await get(server.url))).rejects.toMatchObject({ code });
  });

  test.each([
    ["gzip", httpAnswer(gzipSync("hello"), { "content-encoding": "gzip" })],
    ["chunks", Buffer.from("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")],
    ["a known length", httpAnswer("hello")],
  ])("in %s comes out whole", async (_, answer) => {
    await using server = await startRawServer((socket) => onRequestHead(socket, () => void socket.write(answer)));
    expect(await read(await get(server.url))).toBe("hello");
  });

  test("that is no HTTP is unreachable, with what was wrong", async () => {
    await using server = await startRawServer((socket) => void socket.end("SSH-2.0-OpenSSH\r\n"));
    await expect(get(server.url)).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringMatching(/could not be used: Parse/),
    });
  });
});
