// Reports of a receive-pack that lies: ok without having done it, an ok line missing, a pack that could not be unpacked.

import { Transform, type TransformCallback } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { sideband, splitPackets } from "./answer-transforms.ts";
import { type Exchange, respond } from "./git-server.ts";

/** `ok` for every command; git is not run. */
export async function claimOk(exchange: Exchange): Promise<void> {
  await report(exchange, "unpack ok", (ref) => `ok ${ref}`);
}

/** `unpack MESSAGE` and `ng` for every command, in git's words; git is not run. */
export async function reportUnpackError(exchange: Exchange, message: string): Promise<void> {
  await report(exchange, `unpack ${message}`, (ref) => `ng ${ref} unpacker error`);
}

/** Git's own report (short: it is held whole) without the `ok` line of the ref, or without the first one. */
export function dropOk(ref: string | undefined): Transform {
  const chunks: Buffer[] = [];
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      chunks.push(chunk);
      done();
    },
    flush(done) {
      done(null, withoutOk(Buffer.concat(chunks), ref));
    },
  });
}

/** A side-band answer carries the report in band 1; its progress (band 2) is dropped. */
function withoutOk(answer: Buffer, ref: string | undefined): Buffer {
  const outer = splitPackets(answer).packets;
  const banded = outer.some((packet) => packet[4] === 1);
  const lines = banded
    ? splitPackets(Buffer.concat(outer.filter((packet) => packet[4] === 1).map((packet) => packet.subarray(5)))).packets
    : outer;
  const index = lines.findIndex((line) => {
    const text = line.toString("latin1", 4).trimEnd();
    return ref === undefined ? text.startsWith("ok ") : text === `ok ${ref}`;
  });
  const kept = Buffer.concat(lines.filter((_, at) => at !== index));
  return banded ? Buffer.concat([sideband(1, kept), Buffer.from("0000")]) : kept;
}

async function report(exchange: Exchange, unpack: string, lineOf: (ref: string) => string): Promise<void> {
  const { refs, capabilities } = await readCommands(exchange);
  const lines = [unpack, ...refs.map(lineOf)];
  const body = Buffer.concat([...lines.map(packetLine), Buffer.from("0000")]);
  const banded = capabilities.includes("side-band-64k");
  const answer = banded ? Buffer.concat([...chunksOf(body), Buffer.from("0000")]) : body;
  respond(exchange, 200, { "content-type": "application/x-git-receive-pack-result" }, answer);
}

/** The refs of the commands and the first one's capabilities; the whole body is read. */
async function readCommands({ request, record }: Exchange): Promise<{ refs: string[]; capabilities: string[] }> {
  const raw = await buffer(request);
  record.requestBytes += raw.length;
  const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
  const { packets } = splitPackets(body);
  const end = packets.findIndex((packet) => packet.length === 4);
  const commands = packets.slice(0, end < 0 ? packets.length : end).map((packet) => packet.toString("latin1", 4));
  const [first = ""] = commands;
  const refs = commands.map((command) => command.replace(/[\0\n].*$/s, "").split(" ")[2] ?? "");
  return { refs, capabilities: (first.split("\0")[1] ?? "").trim().split(" ") };
}

function packetLine(text: string): Buffer {
  const payload = Buffer.from(`${text}\n`, "latin1");
  return Buffer.concat([Buffer.from((payload.length + 4).toString(16).padStart(4, "0")), payload]);
}

/** Band 1 in pieces of at most 65,515 bytes, the largest a packet holds. */
function chunksOf(body: Buffer): Buffer[] {
  const count = Math.ceil(body.length / 65_515);
  return Array.from({ length: count }, (_, index) => sideband(1, body.subarray(index * 65_515, (index + 1) * 65_515)));
}
