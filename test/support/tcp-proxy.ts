// A TCP proxy in front of any server that resets, closes or falls silent after so many bytes.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type TcpFault = {
  kind: "reset" | "close" | "hang";
  /** Which way the bytes are counted: `answer` is from the server. */
  in: "request" | "answer";
  afterBytes: number;
};

export type TcpProxy = {
  port: number;
  /** Connections so far. */
  connections(): number;
  close(): Promise<void>;
};

/** `faultOf` is asked at each connection (the first is 0) what shall happen to it. */
export async function startTcpProxy(
  targetPort: number,
  faultOf: (connection: number) => TcpFault | undefined,
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: targetPort, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    const fault = faultOf(connections);
    connections += 1;
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.once("close", () => {
        sockets.delete(socket);
        other.destroySoon();
      });
    }
    forward(client, upstream, fault?.in === "request" ? fault : undefined, client);
    forward(upstream, client, fault?.in === "answer" ? fault : undefined, client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function forward(from: Socket, to: Socket, fault: TcpFault | undefined, client: Socket): void {
  if (fault === undefined) {
    from.pipe(to);
    return;
  }
  let left = fault.afterBytes;
  from.on("data", (chunk: Buffer) => {
    if (left > 0) to.write(chunk.subarray(0, left), () => left <= 0 && strike(fault, client));
    else if (left === fault.afterBytes) strike(fault, client);
    left -= chunk.length;
    if (left <= 0) from.pause();
  });
  from.once("end", () => to.end());
}

function strike({ kind }: TcpFault, client: Socket): void {
  if (kind === "reset") client.resetAndDestroy();
  if (kind === "close") client.destroySoon();
}
