// What the tests of the HttpClient share: a client with little patience, and answers as raw bytes.
import type { Socket } from "node:net";
import type { HttpResponse } from "../../src/ports.ts";

export const IDLE_MS = 250;
export const CONNECT_MS = 300;

/** The whole body as latin1 text. */
export async function read({ body }: HttpResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of body) parts.push(chunk);
  return Buffer.concat(parts).toString("latin1");
}

/** An answer's head and the bytes behind it, whatever the head says; `end` closes. */
export const says = (head: string, body: string | Uint8Array, end: boolean) => (socket: Socket) => {
  socket.once("data", () => {
    socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`);
    socket.write(body, () => end && socket.end());
  });
};
