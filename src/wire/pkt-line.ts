// pkt-line framing, both directions (gitprotocol-common): four hex digits of length, then the payload.
//   flush-pkt = "0000"   delim-pkt = "0001"   response-end-pkt = "0002"   data = 4HEXDIG payload, length 4 to 65520
import { MirrorError } from "../errors.ts";
import { concatBytes, latin1Bytes } from "./bytes.ts";

export type Packet =
  | { kind: "data"; payload: Uint8Array }
  | { kind: "flush" }
  | { kind: "delimiter" }
  | { kind: "response-end" };

/** LARGE_PACKET_MAX of git's pkt-line.h, with the four length digits. */
export const PACKET_BYTES_MAX = 65_520;

export const FLUSH_PKT = latin1Bytes("0000");
export const DELIMITER_PKT = latin1Bytes("0001");

const EMPTY = new Uint8Array(0);
const FLUSH: Packet = { kind: "flush" };
const DELIMITER: Packet = { kind: "delimiter" };
const RESPONSE_END: Packet = { kind: "response-end" };

/** Throws `internal` for a payload that no pkt-line can hold: a fault of the caller. */
export function encodePacket(payload: Uint8Array | string): Uint8Array {
  const bytes = typeof payload === "string" ? latin1Bytes(payload) : payload;
  const length = bytes.length + 4;
  if (length > PACKET_BYTES_MAX) throw tooLong(length);
  return concatBytes([latin1Bytes(length.toString(16).padStart(4, "0")), bytes]);
}

/** Text lines that can be gone through more than once: an array, or something that makes its lines anew each time. */
export type Lines = { [Symbol.iterator](): Iterator<string> };

/** Many lines as packets, and then `end`, in one block that is made once and at its size: 100,000 commands are 14 MB. */
export function encodeLines(lines: Lines, end: Uint8Array = EMPTY): Uint8Array {
  let bytes = end.length;
  for (const line of lines) bytes += packetLength(line);
  const block = Buffer.alloc(bytes);
  let offset = 0;
  for (const line of lines) {
    const length = packetLength(line).toString(16).padStart(4, "0");
    offset += block.write(length + line, offset, "latin1");
  }
  block.set(end, offset);
  return block;
}

function packetLength(line: string): number {
  const length = line.length + 4;
  if (length > PACKET_BYTES_MAX) throw tooLong(length);
  return length;
}

function tooLong(length: number): MirrorError {
  return new MirrorError(
    "internal",
    `A pkt-line of ${length} bytes was to be written; at most ${PACKET_BYTES_MAX} fit.`,
  );
}

/** The length that four ASCII hex digits say; 0 to 2 are the special packets. Throws `malformed-answer`. */
export function decodeLength(bytes: Uint8Array, offset: number): number {
  let length = 0;
  for (let index = offset; index < offset + 4; index++) {
    length = length * 16 + hexDigit(bytes[index] ?? 0);
  }
  if (length === 3 || length > PACKET_BYTES_MAX) {
    throw new MirrorError(
      "malformed-answer",
      `A pkt-line says ${length} bytes; it can be 0 to 2 or 4 to ${PACKET_BYTES_MAX}.`,
    );
  }
  return length;
}

/** Decodes packets from chunks cut anywhere. Payloads are views into the chunks: use them before the next `push`. */
export class PacketDecoder {
  #buffer: Uint8Array = EMPTY;
  #offset = 0;

  push(chunk: Uint8Array): void {
    this.#buffer = this.#offset === this.#buffer.length ? chunk : concatBytes([this.takeRest(), chunk]);
    this.#offset = 0;
  }

  /** The next whole packet, or undefined when more bytes are needed. */
  next(): Packet | undefined {
    const available = this.#buffer.length - this.#offset;
    if (available < 4) return undefined;
    const length = decodeLength(this.#buffer, this.#offset);
    if (length < 4) {
      this.#offset += 4;
      return length === 0 ? FLUSH : length === 1 ? DELIMITER : RESPONSE_END;
    }
    if (available < length) return undefined;
    const payload = this.#buffer.subarray(this.#offset + 4, this.#offset + length);
    this.#offset += length;
    return { kind: "data", payload };
  }

  /** Gives up the bytes not decoded yet, for a decoder that reads on from here. */
  takeRest(): Uint8Array {
    const rest = this.#buffer.subarray(this.#offset);
    this.#buffer = EMPTY;
    this.#offset = 0;
    return rest;
  }

  /** Throws `malformed-answer` when bytes are left: the answer was cut inside a packet. */
  end(): void {
    const left = this.#buffer.length - this.#offset;
    if (left > 0)
      throw new MirrorError("malformed-answer", `The answer ended inside a pkt-line (${left} bytes of it came).`);
  }
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  throw new MirrorError(
    "malformed-answer",
    `A pkt-line's length has the byte 0x${code.toString(16)} instead of a hex digit.`,
  );
}
