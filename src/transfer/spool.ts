// Takes a pack into memory while it is small, so that its length is known and its checksum proved before a byte is sent.

/** A pack up to this size is held whole (design 3); a larger one streams. */
export const SPOOL_BYTES_MAX = 16 * 1024 * 1024;

export type Spooled =
  /** The pack ended and was proved. */
  | { kind: "whole"; parts: Uint8Array[]; bytes: number }
  /** More came than the limit: what was taken, then the rest as it arrives. */
  | { kind: "cut"; parts: Uint8Array[]; bytes: number; rest: AsyncGenerator<Uint8Array, void, void> };

/** Reads the pack until its end or until more than `bytesMax` came. Throws what the pack throws. */
export async function spool(pack: AsyncGenerator<Uint8Array, void, void>, bytesMax: number): Promise<Spooled> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const next = await pack.next();
    if (next.done === true) return { kind: "whole", parts, bytes };
    parts.push(next.value);
    bytes += next.value.length;
    if (bytes > bytesMax) return { kind: "cut", parts, bytes, rest: pack };
  }
}
