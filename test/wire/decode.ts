// Feeds chunks to the synchronous decoders, for tests of one decoder alone.
import { MirrorError } from "../../src/errors.ts";
import { type AdvertisedRef, AdvertisementDecoder } from "../../src/wire/advertisement.ts";
import { FetchAnswerDecoder } from "../../src/wire/fetch.ts";
import { PackChecker } from "../../src/wire/pack.ts";
import { type Packet, PacketDecoder } from "../../src/wire/pkt-line.ts";
import { type PushReport, ReportDecoder } from "../../src/wire/receive-pack.ts";
import { SidebandDecoder } from "../../src/wire/sideband.ts";

/** All packets, their payloads copied; throws when the bytes end inside one. */
export function decodePackets(pieces: Iterable<Uint8Array>): Packet[] {
  const decoder = new PacketDecoder();
  const packets: Packet[] = [];
  for (const piece of pieces) {
    decoder.push(piece);
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
      packets.push(packet.kind === "data" ? { kind: "data", payload: new Uint8Array(packet.payload) } : packet);
    }
  }
  decoder.end();
  return packets;
}

/** What each band carried, joined. */
export function decodeSideband(pieces: Iterable<Uint8Array>): { data: Buffer; progress: Buffer; flushes: number } {
  const decoder = new SidebandDecoder();
  const bands = { data: [] as Uint8Array[], progress: [] as Uint8Array[] };
  let flushes = 0;
  for (const piece of pieces) {
    for (const part of decoder.decode(piece)) {
      if (part.kind === "flush") flushes++;
      else bands[part.kind].push(new Uint8Array(part.bytes));
    }
  }
  decoder.end();
  return { data: Buffer.concat(bands.data), progress: Buffer.concat(bands.progress), flushes };
}

export function decodeAdvertisement(pieces: Iterable<Uint8Array>): {
  decoder: AdvertisementDecoder;
  refs: AdvertisedRef[];
} {
  const decoder = new AdvertisementDecoder();
  const refs = decodePackets(pieces).flatMap((packet) => decoder.decode(packet) ?? []);
  return { decoder, refs };
}

export function decodeReport(pieces: Iterable<Uint8Array>, commandsMax: number): PushReport {
  const decoder = new ReportDecoder(commandsMax);
  for (const packet of decodePackets(pieces)) decoder.decode(packet);
  return decoder.report();
}

/** Whether the pack begins. */
export function decodePreface(pieces: Iterable<Uint8Array>, version: 0 | 2): boolean {
  const decoder = new FetchAnswerDecoder(version);
  for (const packet of decodePackets(pieces)) if (!decoder.begun) decoder.decode(packet);
  return decoder.begun;
}

export function checkPack(pieces: Iterable<Uint8Array>): number {
  const checker = new PackChecker();
  for (const piece of pieces) checker.push(piece);
  checker.end();
  return checker.bytes;
}

/** The code of the MirrorError that it throws; any other error fails the test, "none" says that it threw nothing. */
export function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof MirrorError) return error.code;
    throw error;
  }
  return "none";
}
