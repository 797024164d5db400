// Latin1 text to bytes and back: on the wire each character of our strings is one byte.

const EMPTY = new Uint8Array(0);

export function latin1Bytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

export function latin1Text(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("latin1");
}

/**
 * The text of a part of the bytes, as a string of its own: V8's slice of a longer string keeps all of it in memory,
 * which doubles what a list of 100,000 refs holds.
 */
export function latin1Part(bytes: Uint8Array, start: number, end: number): string {
  return asBuffer(bytes).toString("latin1", start, end);
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 0) return EMPTY;
  if (parts.length === 1) return parts[0] ?? EMPTY;
  return Buffer.concat(parts);
}

/** A copy that outlives the chunk it was taken from; `slice` of a Buffer is only a view and keeps the whole chunk alive. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** A line without its final LF, where it has one. */
export function trimLf(text: string): string {
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
