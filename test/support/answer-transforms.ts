// What git's answer can pass through on its way out: cut, cut at the tail, one bit flipped, its pack edited.
import { Transform, type TransformCallback } from "node:stream";

/** Passes so many bytes, calls `then` once (also when the answer is shorter), and passes nothing more. */
export function cutAfter(bytes: number, then: (transform: Transform) => void): Transform {
  let left = bytes;
  let cut = false;
  const finish = (transform: Transform) => {
    if (!cut) then(transform);
    cut = true;
  };
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      if (cut) return done();
      if (left > 0) this.push(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) finish(this);
      done();
    },
    // Never calls back: what ends the answer is `then`.
    flush() {
      finish(this);
    },
  });
}

/** Passes all but the last so many bytes. */
export function dropTail(bytes: number): Transform {
  let held = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      held = Buffer.concat([held, chunk]);
      const ready = Math.max(0, held.length - bytes);
      if (ready > 0) this.push(held.subarray(0, ready));
      held = held.subarray(ready);
      done();
    },
  });
}

/** Flips the lowest bit of one byte. */
export function flipBit(atByte: number): Transform {
  let offset = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      const start = offset;
      offset += chunk.length;
      done(null, atByte >= start && atByte < offset ? flipped(chunk, atByte - start) : chunk);
    },
  });
}

export type PackEdit = {
  /** Flips a bit of this byte of the pack. */
  flipAt?: number;
  /** Ends the answer after so many bytes of the pack, with a flush-pkt. */
  cutAt?: number;
  /** Sent on side-band 3 at the cut. */
  error?: string;
};

/** Edits the pack inside side-band 1; the packets stay well-formed. */
export function editPack({ flipAt, cutAt = Number.POSITIVE_INFINITY, error }: PackEdit): Transform {
  let pack = 0;
  return packetTransform((packet, transform) => {
    if (packet[4] !== 1) {
      transform.push(packet);
      return true;
    }
    const data = packet.subarray(5, 5 + Math.max(0, cutAt - pack));
    const at = flipAt === undefined ? -1 : flipAt - pack;
    if (data.length > 0) transform.push(sideband(1, at >= 0 && at < data.length ? flipped(data, at) : data));
    pack += packet.length - 5;
    if (pack < cutAt) return true;
    if (error !== undefined) transform.push(sideband(3, Buffer.from(error)));
    transform.push("0000");
    transform.push(null);
    return false;
  });
}

/** One side-band packet with its length. */
export function sideband(band: 1 | 2 | 3, data: Uint8Array): Buffer {
  const length = (data.length + 5).toString(16).padStart(4, "0");
  return Buffer.concat([Buffer.from(length), Buffer.of(band), data]);
}

/** Whole packets, each with its four digits of length; a rest that is no packet is left out of `packets`. */
export function splitPackets(bytes: Buffer): { packets: Buffer[]; rest: Buffer } {
  const packets: Buffer[] = [];
  let start = 0;
  while (start + 4 <= bytes.length) {
    const length = Math.max(4, Number.parseInt(bytes.toString("latin1", start, start + 4), 16));
    if (Number.isNaN(length) || start + length > bytes.length) break;
    packets.push(bytes.subarray(start, start + length));
    start += length;
  }
  return { packets, rest: bytes.subarray(start) };
}

/** `onPacket` answers whether the stream goes on; if not, it has ended the answer, and the rest is swallowed. */
function packetTransform(onPacket: (packet: Buffer, transform: Transform) => boolean): Transform {
  let held = Buffer.alloc(0);
  let open = true;
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      if (!open) return done();
      const { packets, rest } = splitPackets(held.length === 0 ? chunk : Buffer.concat([held, chunk]));
      held = Buffer.from(rest);
      open = packets.every((packet) => onPacket(packet, this));
      done();
    },
    flush(done) {
      if (open && held.length > 0) this.push(held);
      done();
    },
  });
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}
