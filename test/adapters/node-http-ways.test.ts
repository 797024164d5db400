// The HttpClient's ways to a server: proxies, tunnels, and certificates that it trusts or refuses.
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { createHttpClient, type HttpOptions } from "../../src/adapters/node-http.ts";
import { type HttpProxy, startHttpProxy } from "../git/http-proxy.ts";
import { makeCertificate } from "../support/certificate.ts";
import { httpAnswer, onRequestHead, type RawServer, startRawServer } from "../support/raw-server.ts";
import { read } from "./node-http-kit.ts";

async function ask(url: string, options: HttpOptions): Promise<string> {
  const client = createHttpClient({ idleTimeoutMs: 5_000, ...options });
  try {
    return await read(await client({ method: "GET", url, headers: {} }));
  } finally {
    client.close();
  }
}

/** Answers "ok" over TLS with a certificate for these names. */
async function startTlsServer(names?: string) {
  const { key, cert } = await makeCertificate(names);
  const server = createServer({ key, cert }, (_, response) => response.end("ok")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { url, ca: cert, [Symbol.asyncDispose]: close };
}

const startPlainServer = (): Promise<RawServer> =>
  startRawServer((socket) => onRequestHead(socket, () => void socket.write(httpAnswer("ok"))));

async function startProxy(credential?: string): Promise<HttpProxy & AsyncDisposable> {
  const proxy = await startHttpProxy(credential);
  return { ...proxy, [Symbol.asyncDispose]: proxy.close };
}

describe("a certificate", () => {
  test("of a private authority is trusted when that is given", async () => {
    await using server = await startTlsServer();
    expect(await ask(server.url, { ca: server.ca })).toBe("ok");
  });

  test("that nobody vouches for is refused", async () => {
    await using server = await startTlsServer();
    await expect(ask(server.url, {})).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringMatching(/certificate/),
    });
  });

  test("of a trusted authority for another name is refused", async () => {
    await using server = await startTlsServer("DNS:elsewhere.example");
    const refused = ask(server.url, { ca: server.ca });
    await expect(refused).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringMatching(/altnames|127\.0\.0\.1/),
    });
  });

  test("is not asked for twice by a plain server: TLS against plain HTTP is unreachable", async () => {
    await using server = await startRawServer((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await expect(ask(`https://127.0.0.1:${server.port}/`, {})).rejects.toMatchObject({ code: "unreachable" });
  });
});

describe("a proxy", () => {
  test("of HTTP_PROXY carries a plain request", async () => {
    await using server = await startPlainServer();
    await using proxy = await startProxy();
    expect(await ask(server.url, { proxyEnv: { HTTP_PROXY: proxy.url } })).toBe("ok");
    expect({ requests: proxy.requests(), tunnels: proxy.tunnels() }).toEqual({ requests: 1, tunnels: 0 });
  });

  test("of HTTPS_PROXY opens a tunnel, and the certificate behind it is judged as ever", async () => {
    await using server = await startTlsServer();
    await using proxy = await startProxy();
    const proxyEnv = { HTTPS_PROXY: proxy.url };
    expect(await ask(server.url, { proxyEnv, ca: server.ca })).toBe("ok");
    await expect(ask(server.url, { proxyEnv })).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringMatching(/certificate/),
    });
    expect({ requests: proxy.requests(), tunnels: proxy.tunnels() }).toEqual({ requests: 0, tunnels: 2 });
  });

  test.each(["127.0.0.1", "*", "example.com,127.0.0.1"])("is passed by for NO_PROXY=%s", async (NO_PROXY) => {
    await using server = await startPlainServer();
    await using proxy = await startProxy();
    expect(await ask(server.url, { proxyEnv: { HTTP_PROXY: proxy.url, NO_PROXY } })).toBe("ok");
    expect(proxy.requests()).toBe(0);
  });

  test("is not taken from anywhere else than the options", async () => {
    await using server = await startPlainServer();
    await using proxy = await startProxy();
    expect(await ask(server.url, { proxyEnv: { HTTPS_PROXY: proxy.url } })).toBe("ok");
    expect(proxy.requests()).toBe(0);
  });

  test("that refuses the tunnel is unreachable, and its credential is not shown", async () => {
    await using server = await startTlsServer();
    await using proxy = await startProxy("user:right");
    const proxyEnv = { HTTPS_PROXY: proxy.url.replace("//", "//user:no-real-password@") };
    const error = await ask(server.url, { proxyEnv, ca: server.ca }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "unreachable" });
    expect(String(error)).not.toContain("no-real-password");
  });

  test("that is away is unreachable", async () => {
    const proxy = await startProxy();
    await proxy.close();
    await using server = await startPlainServer();
    await expect(ask(server.url, { proxyEnv: { HTTP_PROXY: proxy.url } })).rejects.toMatchObject({
      code: "unreachable",
    });
    expect(server.connections()).toBe(0);
  });
});
