// Reads an answer's packets as they arrive.
import { MirrorError } from "../errors.ts";
import type { HttpResponse } from "../ports.ts";
import { type Packet, PacketDecoder } from "../wire/pkt-line.ts";

/**
 * Calls `take` for each packet until it says "done"; after that the answer must end. Bytes left over and an end inside
 * a packet are `malformed-answer`; whether the answer was whole is for the caller's decoder to say. On an error the
 * connection is dropped.
 */
export async function eachPacket(response: HttpResponse, take: (packet: Packet) => "more" | "done"): Promise<void> {
  const decoder = new PacketDecoder();
  let done = false;
  try {
    for await (const chunk of response.body) {
      if (done && chunk.length > 0) throw leftOver();
      decoder.push(chunk);
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
        if (done) throw leftOver();
        done = take(packet) === "done";
      }
    }
    decoder.end();
  } catch (error) {
    response.destroy();
    throw error;
  }
}

function leftOver(): MirrorError {
  return new MirrorError("malformed-answer", "Bytes came after the answer's end.");
}
