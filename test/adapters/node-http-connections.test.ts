// The HttpClient's connections: timeouts, keeping and dropping, closed ones, deadlines.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
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

describe("timeouts", () => {
  test("a connection that nobody accepts is unreachable", async () => {
    // A listener whose process sleeps, with its queue of connections full: the kernel answers no further SYN.
    const script = `const s = require("node:net").createServer().listen(0, "127.0.0.1", 1, () => {
      require("node:fs").writeSync(1, String(s.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
    const listener = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [printed] = (await once(listener.stdout, "data")) as [Buffer];
    const port = Number(printed.toString());
    const fillers = Array.from({ length: 8 }, () => connect({ port, host: "127.0.0.1" }).on("error", () => {}));
    try {
      await once(fillers[0] as Socket, "connect");
      const error = await get(`http://127.0.0.1:${port}/`).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "unreachable" });
      expect((error as MirrorError).message).toBe(`127.0.0.1:${port} did not accept the connection within 0.3 s.`);
    } finally {
      for (const filler of fillers) filler.destroy();
      listener.kill("SIGKILL");
      await once(listener, "close");
    }
  });

  test("silence before the first byte is timed-out", async () => {
    await using server = await startRawServer(() => {});
    await expect(get(server.url)).rejects.toMatchObject({ code: "timed-out", message: "No byte came for 0.25 s." });
  });

  test("silence between the body's bytes is timed-out too", async () => {
    await using server = await startRawServer(says("content-length: 10", "12345", false));
    await expect(read(await get(server.url))).rejects.toMatchObject({ code: "timed-out" });
  });

  test("the request's own idleMs wins", async () => {
    await using server = await startRawServer(() => {});
    await expect(get(server.url, { idleMs: 100 })).rejects.toMatchObject({ message: "No byte came for 0.1 s." });
  });

  test("an answer that drips in is not cut, however long it takes in all", async () => {
    await using server = await startRawServer((socket) => {
      socket.once("data", async () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n");
        for (let byte = 0; byte < 8; byte++) {
          await wait(IDLE_MS / 4);
          socket.write("x");
        }
      });
    });
    expect(await read(await get(server.url))).toBe("xxxxxxxx");
  });

  test("silence is not counted while the reader takes its time, nor while the body has nothing to send", async () => {
    await using server = await startRawServer((socket) => {
      let received = "";
      socket.on("data", (chunk: Buffer) => {
        received += chunk.toString("latin1");
        if (received.endsWith("0\r\n\r\n")) {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n");
          socket.write(Buffer.alloc(2_000_000, "x"));
        }
      });
    });
    const slowly = async function* () {
      yield Buffer.from("one");
      await wait(IDLE_MS * 3);
      yield Buffer.from("two");
    };
    const response = await client({ method: "POST", url: server.url, headers: {}, body: slowly() });
    let bytes = 0;
    for await (const chunk of response.body) {
      if (bytes === 0) await wait(IDLE_MS * 3);
      bytes += chunk.length;
    }
    expect(bytes).toBe(2_000_000);
  });
});

describe("silence after a pause", () => {
  test("of the reader is still noticed", async () => {
    await using server = await startRawServer(says("content-length: 10", "12345", false));
    const { body } = await get(server.url);
    const slowly = async () => {
      for await (const _ of body) await wait(IDLE_MS * 3);
    };
    await expect(slowly()).rejects.toMatchObject({ code: "timed-out" });
  });

  test("of the request's body is still noticed", async () => {
    await using server = await startRawServer((socket) => void socket.resume());
    const body = (async function* () {
      yield Buffer.from("one");
      await wait(IDLE_MS * 3);
      yield Buffer.from("two");
    })();
    const sent = client({ method: "POST", url: server.url, headers: {}, body });
    await expect(sent).rejects.toMatchObject({ code: "timed-out" });
  });
});

test("a proxy that accepts and says nothing is unreachable", async () => {
  await using server = await startRawServer(() => {});
  const proxied = createHttpClient({ connectTimeoutMs: CONNECT_MS, proxyEnv: { HTTPS_PROXY: server.url } });
  const error = await proxied({ method: "GET", url: "https://git.example.com/", headers: {} }).catch(
    (reason: unknown) => reason,
  );
  proxied.close();
  expect(error).toMatchObject({ code: "unreachable", message: expect.stringContaining("git.example.com") });
  expect(server.connections()).toBe(1);
});

describe("connections", () => {
  test("are kept: ten requests in a row take one", async () => {
    await using server = await startRawServer((socket) =>
      onRequestHead(socket, () => void socket.write(httpAnswer("ok"))),
    );
    for (let request = 0; request < 10; request++) {
      const response = await get(server.url);
      expect(await read(response)).toBe("ok");
      response.destroy();
    }
    expect(server.connections()).toBe(1);
  });

  test("are dropped with an answer that is not read to its end", async () => {
    const closed: Promise<unknown>[] = [];
    await using server = await startRawServer((socket) => {
      closed.push(once(socket, "close"));
      says("content-length: 10", "12345", false)(socket);
    });
    (await get(server.url)).destroy();
    await closed[0];
    (await get(server.url)).destroy();
    expect(server.connections()).toBe(2);
  });

  test("that were all closed meanwhile are passed over, one after the other", async () => {
    let stale = false;
    const kept = new WeakSet<Socket>();
    let waiting: (() => void)[] = [];
    await using server = await startRawServer((socket) => {
      onRequestHead(socket, () => {
        if (stale && kept.has(socket)) return void socket.destroy();
        kept.add(socket);
        // The first five are answered together, so that each has a connection of its own.
        waiting.push(() => socket.write(httpAnswer("ok")));
        if (!stale && waiting.length < 5) return;
        for (const answer of waiting) answer();
        waiting = [];
      });
    });
    await Promise.all(Array.from({ length: 5 }, async () => read(await get(server.url))));
    stale = true;
    expect(await read(await get(server.url))).toBe("ok");
    expect(server.connections()).toBe(6);
  });

  test("whose server breaks each of them off is unreachable, not retried for ever", async () => {
    await using server = await startRawServer((socket) => onRequestHead(socket, () => socket.resetAndDestroy()));
    await expect(get(server.url)).rejects.toMatchObject({
      code: "unreachable",
      message: `127.0.0.1:${server.port} broke the connection off.`,
    });
    expect(server.connections()).toBe(1);
  });

  test("a body that cannot be sent twice is not: a kept connection that is closed is an error", async () => {
    let answered = false;
    await using server = await startRawServer((socket) => {
      onRequestHead(socket, () => {
        if (answered) socket.destroy();
        else socket.write(httpAnswer("ok"));
        answered = true;
      });
    });
    await read(await get(server.url));
    const body = (async function* () {
      yield Buffer.from("pack");
    })();
    const sent = client({ method: "POST", url: server.url, headers: {}, body });
    await expect(sent).rejects.toMatchObject({ code: "unreachable" });
    expect(server.connections()).toBe(1);
  });
});

describe("an AbortSignal", () => {
  const deadline = () => new MirrorError("deadline", "The job's 840 s are over.");

  test.each([
    ["before the request", (abort: () => void): void => abort(), says("content-length: 2", "ok", true)],
    ["before the answer", (abort: () => void): void => void setTimeout(abort, 50), (): void => {}],
  ] as const)("%s surfaces its reason", async (_, when, answer) => {
    await using server = await startRawServer(answer);
    const controller = new AbortController();
    const reason = deadline();
    when(() => controller.abort(reason));
    await expect(get(server.url, { signal: controller.signal })).rejects.toBe(reason);
  });

  test("in the middle of the body surfaces its reason, and the connection goes", async () => {
    let closed: Promise<unknown> | undefined;
    await using server = await startRawServer((socket) => {
      closed = once(socket, "close");
      says("content-length: 10", "12345", false)(socket);
    });
    const controller = new AbortController();
    const reason = deadline();
    const response = await get(server.url, { signal: controller.signal });
    const reading = read(response);
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await closed;
  });
});
