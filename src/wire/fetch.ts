// The fetch request and the part of its answer before the pack: protocol v2 (gitprotocol-v2) and v0 (gitprotocol-pack).
import { MirrorError } from "../errors.ts";
import type { Oid } from "../model/oid.ts";
import { concatBytes, latin1Text, trimLf } from "./bytes.ts";
import { DELIMITER_PKT, encodeLines, FLUSH_PKT, type Packet } from "./pkt-line.ts";

export type FetchRequest = {
  wants: readonly Oid[];
  haves: readonly Oid[];
  thin: boolean;
  ofsDelta: boolean;
  agent?: string;
};

/** `done` at once: one round trip, unknown haves are ignored by git and JGit alike, and the answer begins with the pack. */
export function encodeFetchRequest(request: FetchRequest): Uint8Array {
  const head = ["command=fetch\n", ...(request.agent === undefined ? [] : [`agent=${request.agent}\n`])];
  const asked = { [Symbol.iterator]: () => fetchLines(request) };
  return concatBytes([encodeLines(head), DELIMITER_PKT, encodeLines(asked, FLUSH_PKT)]);
}

/** One by one: a first mirror may want 100,000 tips. */
function* fetchLines({ wants, haves, thin, ofsDelta }: FetchRequest): Generator<string> {
  yield "no-progress\n";
  if (thin) yield "thin-pack\n";
  if (ofsDelta) yield "ofs-delta\n";
  for (const want of wants) yield `want ${want}\n`;
  for (const have of haves) yield `have ${have}\n`;
  yield "done\n";
}

/**
 * Asks whether the server has any of the haves: without `done` a v2 server acknowledges those that it knows before it
 * would send a pack (gitprotocol-v2, "acknowledgments").
 */
export function encodeHavesQuestion(question: { want: Oid; haves: readonly Oid[]; agent?: string }): Uint8Array {
  const head = ["command=fetch\n", ...(question.agent === undefined ? [] : [`agent=${question.agent}\n`])];
  const asked = ["no-progress\n", `want ${question.want}\n`, ...question.haves.map((have) => `have ${have}\n`)];
  return concatBytes([encodeLines(head), DELIMITER_PKT, encodeLines(asked), FLUSH_PKT]);
}

/** The answer's second packet decides: `ACK OID` or `NAK`. Undefined: read on. Throws as `FetchAnswerDecoder` does. */
export function decodeAcknowledgment(packet: Packet): boolean | undefined {
  const line = packet.kind === "data" ? trimLf(latin1Text(packet.payload)) : "";
  if (line.startsWith("ERR ")) throw refusal(line.slice(4));
  if (line === "acknowledgments") return undefined;
  if (line === "NAK") return false;
  if (line.startsWith("ACK ") || line === "ready") return true;
  throw unexpected(packet, line);
}

/** v0: `want OID caps`, more wants, flush, haves, `done`. */
export function encodeV0FetchRequest(request: FetchRequest, offered: ReadonlyMap<string, string>): Uint8Array {
  const asked = [
    "side-band-64k",
    "no-progress",
    ...(request.thin ? ["thin-pack"] : []),
    ...(request.ofsDelta ? ["ofs-delta"] : []),
  ];
  const words = asked.filter((word) => offered.has(word));
  if (!words.includes("side-band-64k")) throw new MirrorError("unsupported", "The server offers no side-band-64k.");
  if (request.agent !== undefined && offered.has("agent")) words.push(`agent=${request.agent}`);
  const wants = request.wants.map((want, index) =>
    index === 0 ? `want ${want} ${words.join(" ")}\n` : `want ${want}\n`,
  );
  const haves = request.haves.map((have) => `have ${have}\n`);
  return concatBytes([encodeLines(wants), FLUSH_PKT, encodeLines([...haves, "done\n"])]);
}

/** An answer's section has few lines; the bound is a backstop against one that never ends. */
const LINES_MAX = 10_000;

/**
 * Reads packets until the pack begins: the packet after which `begun` is true is the last one before the side-band.
 * Throws `busy` when a want is gone at the server (list again), `request-refused`, `unsupported` or `malformed-answer`.
 */
export class FetchAnswerDecoder {
  begun = false;
  readonly #version: 0 | 2;
  #section = "";
  #lines = 0;

  constructor(version: 0 | 2) {
    this.#version = version;
  }

  decode(packet: Packet): void {
    if (++this.#lines > LINES_MAX)
      throw new MirrorError("malformed-answer", `More than ${LINES_MAX} lines came before the pack.`);
    const line = packet.kind === "data" ? trimLf(latin1Text(packet.payload)) : "";
    if (line.startsWith("ERR ")) throw refusal(line.slice(4));
    if (this.#version === 0) this.#acknowledgment(packet, line);
    else this.#sectionLine(packet, line);
  }

  /** With `done` sent, v0 says one NAK or ACK line and goes over to the side-band. */
  #acknowledgment(packet: Packet, line: string): void {
    if (packet.kind !== "data") throw unexpected(packet, "");
    if (line.startsWith("shallow ")) throw shallow();
    if (line === "NAK" || (line.startsWith("ACK ") && line.split(" ").length === 2)) this.begun = true;
    else if (!line.startsWith("ACK ")) throw unexpected(packet, line);
  }

  #sectionLine(packet: Packet, line: string): void {
    if (packet.kind === "delimiter" && this.#section !== "") this.#section = "";
    else if (packet.kind !== "data") throw unexpected(packet, line);
    else if (this.#section !== "") return;
    else if (line === "packfile") this.begun = true;
    else if (line === "shallow-info") throw shallow();
    else if (line === "acknowledgments" || line === "wanted-refs") this.#section = line;
    else throw unexpected(packet, line);
  }
}

/** git says "not our ref", JGit "want X not valid", both under HTTP 200: the everyday lost race. */
const WANT_GONE = /not our ref|\bwant [0-9a-f]{40} not valid/;

/** The server's refusal as an error: `busy` when only the ref moved, else `request-refused`. */
export function refusal(text: string): MirrorError {
  if (WANT_GONE.test(text))
    return new MirrorError("busy", `A ref moved at the source between the list and the fetch (${text}).`);
  return new MirrorError("request-refused", `The server said: ${text}`);
}

function shallow(): MirrorError {
  return new MirrorError("unsupported", "The source repository is shallow; a shallow history cannot be mirrored.");
}

function unexpected(packet: Packet, line: string): MirrorError {
  const shown = packet.kind === "data" ? JSON.stringify(line.slice(0, 200)) : `a ${packet.kind}-pkt`;
  return new MirrorError("malformed-answer", `The fetch answer has ${shown} where its pack was expected.`);
}
