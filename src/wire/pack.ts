// A pack's frame (gitformat-pack): "PACK", version, object count; at the end the SHA-1 of all that came before.
import { createHash } from "node:crypto";
import { MirrorError } from "../errors.ts";
import { concatBytes, copyBytes, latin1Text } from "./bytes.ts";

const HEADER_BYTES = 12;
const TRAILER_BYTES = 20;

export function encodePackHeader(objects: number): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write("PACK", 0, "latin1");
  header.writeUInt32BE(2, 4);
  header.writeUInt32BE(objects, 8);
  return header;
}

/** Throws `corrupt-pack`. */
export function parsePackHeader(bytes: Uint8Array): { objects: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = latin1Text(bytes.subarray(0, 4));
  if (bytes.length < HEADER_BYTES || magic !== "PACK" || ![2, 3].includes(view.getUint32(4))) {
    throw new MirrorError(
      "corrupt-pack",
      `The pack begins with ${JSON.stringify(magic)} instead of a header of version 2 or 3.`,
    );
  }
  return { objects: view.getUint32(8) };
}

/** The pack without objects: creates and updates must be followed by a pack even when the mirror has every object. */
export function emptyPack(): Uint8Array {
  const header = encodePackHeader(0);
  return concatBytes([header, createHash("sha1").update(header).digest()]);
}

/** Checks a pack while it streams by: the header at the front, the trailing SHA-1 at the end. Holds 20 bytes. */
export class PackChecker {
  bytes = 0;
  readonly #hash = createHash("sha1");
  #header: Uint8Array = new Uint8Array(0);
  /** The last bytes seen: they are the trailer if nothing follows, so they are hashed one step late. */
  #tail: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): void {
    if (this.#header.length < HEADER_BYTES) {
      this.#header = concatBytes([this.#header, chunk.subarray(0, HEADER_BYTES - this.#header.length)]);
      if (this.#header.length === HEADER_BYTES) parsePackHeader(this.#header);
    }
    this.bytes += chunk.length;
    if (chunk.length >= TRAILER_BYTES) {
      this.#hash.update(this.#tail);
      this.#hash.update(chunk.subarray(0, chunk.length - TRAILER_BYTES));
      this.#tail = copyBytes(chunk.subarray(chunk.length - TRAILER_BYTES));
      return;
    }
    const joined = concatBytes([this.#tail, chunk]);
    const hashed = Math.max(0, joined.length - TRAILER_BYTES);
    this.#hash.update(joined.subarray(0, hashed));
    this.#tail = copyBytes(joined.subarray(hashed));
  }

  /** Throws `corrupt-pack` unless the trailer is the SHA-1 of all before it. */
  end(): void {
    if (this.bytes < HEADER_BYTES + TRAILER_BYTES) {
      throw new MirrorError(
        "corrupt-pack",
        `The pack ended after ${this.bytes} bytes; the shortest has ${HEADER_BYTES + TRAILER_BYTES}.`,
      );
    }
    const digest = this.#hash.digest();
    if (!digest.equals(this.#tail)) {
      throw new MirrorError(
        "corrupt-pack",
        `The pack's checksum does not fit its ${this.bytes} bytes: it was cut or changed on the way.`,
      );
    }
  }
}
