// side-band-64k (gitprotocol-pack): each data packet begins with its band: 1 data, 2 progress, 3 fatal error.
import { MirrorError } from "../errors.ts";
import { concatBytes, copyBytes, latin1Text } from "./bytes.ts";
import { decodeLength, encodePacket } from "./pkt-line.ts";

/** Most data bytes one packet carries: 65,520 less 4 of length and 1 of band. */
export const SIDEBAND_DATA_MAX = 65_515;

/** Stands for the band of a packet that is no side-band at all but an ERR packet. */
const ERR_PACKET = 4;

/** Bytes of a fatal error's text that are kept. */
const FATAL_BYTES_MAX = 8_192;

export type SidebandPart =
  /** A piece of band 1; a packet may come in several pieces, so that nothing is copied. */
  { kind: "data"; bytes: Uint8Array } | { kind: "progress"; bytes: Uint8Array } | { kind: "flush" };

export function encodeSideband(band: 1 | 2 | 3, data: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset < data.length; offset += SIDEBAND_DATA_MAX) {
    const piece = data.subarray(offset, offset + SIDEBAND_DATA_MAX);
    parts.push(encodePacket(concatBytes([Uint8Array.of(band), piece])));
  }
  return concatBytes(parts);
}

/**
 * Decodes a multiplexed stream from chunks cut anywhere, without joining packets: a 300 MB pack is never copied.
 * Throws `request-refused` with the server's words on band 3 or an ERR packet, `malformed-answer` on anything else.
 */
export class SidebandDecoder {
  #header = new Uint8Array(4);
  #headerBytes = 0;
  /** Payload bytes of the current packet still to come; undefined between packets. */
  #left: number | undefined;
  #band = 0;
  #fatal: Uint8Array[] = [];
  #flushed = false;

  *decode(chunk: Uint8Array): Generator<SidebandPart> {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#flushed) throw new MirrorError("malformed-answer", "Bytes came after the answer's flush-pkt.");
      if (this.#left === undefined) {
        this.#header[this.#headerBytes++] = chunk[offset++] ?? 0;
        if (this.#headerBytes === 4 && this.#beginPacket()) yield { kind: "flush" };
        continue;
      }
      if (this.#band === 0) {
        if (this.#beginBand(chunk[offset] ?? 0)) offset++;
        continue;
      }
      const piece = chunk.subarray(offset, offset + this.#left);
      offset += piece.length;
      const part = this.#takePiece(piece);
      if (part !== undefined) yield part;
    }
  }

  /** Throws `malformed-answer` unless the stream ended with its flush-pkt. */
  end(): void {
    if (!this.#flushed) throw new MirrorError("malformed-answer", "The answer ended without its flush-pkt.");
  }

  #beginPacket(): boolean {
    const length = decodeLength(this.#header, 0);
    this.#headerBytes = 0;
    if (length === 0) {
      this.#flushed = true;
      return true;
    }
    if (length < 5) {
      // An empty data packet ("0004") carries nothing, not even a band: git's demultiplexer refuses it, keep-alives are "0005\x01".
      throw new MirrorError(
        "malformed-answer",
        `A packet of length ${length} came where a side-band packet was expected.`,
      );
    }
    this.#left = length - 4;
    this.#band = 0;
    return false;
  }

  /** True when the byte was a band number; the E of an "ERR " packet is none, and belongs to its text. */
  #beginBand(band: number): boolean {
    if (band === 0x45) {
      this.#band = ERR_PACKET;
      return false;
    }
    if (band < 1 || band > 3) throw new MirrorError("malformed-answer", `Side-band ${band} does not exist.`);
    this.#band = band;
    this.#left = (this.#left ?? 1) - 1;
    if (this.#left === 0) this.#endPacket();
    return true;
  }

  #takePiece(piece: Uint8Array): SidebandPart | undefined {
    this.#left = (this.#left ?? 0) - piece.length;
    const band = this.#band;
    if (band >= 3 && this.#fatal.reduce((sum, part) => sum + part.length, 0) < FATAL_BYTES_MAX) {
      this.#fatal.push(copyBytes(piece.subarray(0, FATAL_BYTES_MAX)));
    }
    if (this.#left === 0) this.#endPacket();
    if (band === 1) return { kind: "data", bytes: piece };
    return band === 2 ? { kind: "progress", bytes: piece } : undefined;
  }

  #endPacket(): void {
    this.#left = undefined;
    if (this.#band < 3) return;
    const text = latin1Text(concatBytes(this.#fatal)).replace(/^ERR /, "").trim();
    throw new MirrorError("request-refused", `The server said: ${text}`);
  }
}
