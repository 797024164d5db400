// A small HTTP proxy on loopback: passes absolute-form requests on and opens CONNECT tunnels.
import { once } from "node:events";
import { createServer, request } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export type HttpProxy = {
  url: string;
  /** Plain requests passed on. */
  requests(): number;
  tunnels(): number;
  close(): Promise<void>;
};

/** With `credential` (`user:password`) everything else is answered with 407. */
export async function startHttpProxy(credential?: string): Promise<HttpProxy> {
  const expected = credential === undefined ? undefined : `Basic ${Buffer.from(credential).toString("base64")}`;
  const sockets = new Set<Socket>();
  let requests = 0;
  let tunnels = 0;
  const server = createServer((incoming, outgoing) => {
    requests++;
    const { "proxy-connection": _, ...headers } = incoming.headers;
    const onward = request(incoming.url ?? "", { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  server.on("connect", (incoming, client: Socket, head: Buffer) => {
    sockets.add(client);
    client.on("error", () => {});
    if (expected !== undefined && incoming.headers["proxy-authorization"] !== expected) {
      client.end("HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n");
      return;
    }
    tunnels++;
    const [host = "", port = "443"] = (incoming.url ?? "").split(":");
    const target = connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      target.write(head);
      target.pipe(client);
      client.pipe(target);
    });
    sockets.add(target);
    target.on("error", () => client.destroy());
    client.on("close", () => target.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    tunnels: () => tunnels,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
