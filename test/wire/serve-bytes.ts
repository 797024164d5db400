// Recorded answers served, whole, cut or in chunks, by an HttpClient without a network, to the readers that production uses.
import { readdirSync, readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { MirrorError } from "../../src/errors.ts";
import type { Oid } from "../../src/model/oid.ts";
import type { RefName } from "../../src/model/ref.ts";
import type { RefList } from "../../src/model/ref-list.ts";
import type { RefUpdate } from "../../src/model/report.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "../../src/ports.ts";
import type { Mirror, PushAnswer, PushBody, PushFeatures } from "../../src/remote/mirror.ts";
import { createRemoteMemory, openMirror, openSource, type RemoteMemory } from "../../src/remote/open.ts";
import type { RefsRequest } from "../../src/remote/refs.ts";
import type { Source } from "../../src/remote/source.ts";
import { latin1Bytes } from "../../src/wire/bytes.ts";

const FIXTURES = new URL("fixtures/", import.meta.url);
export const URL_OF_SIDE = "https://git.example.com/one.git";

export const EVERYTHING: RefsRequest = { prefixes: ["HEAD", "refs/"], keep: () => true };

export function fixtureNames(): string[] {
  return readdirSync(FIXTURES)
    .filter((name) => name.endsWith(".bin"))
    .map((name) => name.slice(0, -4));
}

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${name}.bin`, FIXTURES)));
}

/** A latin1 text as packets, one a line; "0000", "0001" and "0002" stay what they are. */
export function packets(...lines: string[]): Uint8Array {
  const text = lines.map((line) =>
    /^000[0-2]$/.test(line) ? line : (line.length + 4).toString(16).padStart(4, "0") + line,
  );
  return latin1Bytes(text.join(""));
}

export function chunks(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length; offset += size) pieces.push(bytes.slice(offset, offset + size));
  return pieces;
}

/** Answers by the URL's end, each as the chunks that arrive. */
export type Answers = {
  uploadAdvertisement?: Iterable<Uint8Array>;
  uploadPack?: Iterable<Uint8Array>;
  receiveAdvertisement?: Iterable<Uint8Array>;
  receivePack?: Iterable<Uint8Array>;
};

export type Sent = { method: string; url: string; headers: Readonly<Record<string, string>>; body: string };

/** Keeps what was sent, as latin1 text, and how often an answer's connection was dropped. */
export function serve(answers: Answers): { http: HttpClient; sent: Sent[]; destroyed: () => number } {
  const sent: Sent[] = [];
  let destroyed = 0;
  const http: HttpClient = async (request) => {
    sent.push({ ...request, body: await bodyText(request) });
    const [type, body] = route(request.url, answers);
    return { status: 200, headers: { "content-type": type }, body: iterate(body), destroy: () => destroyed++ };
  };
  return { http, sent, destroyed: () => destroyed };
}

export function sourceOf(answers: Answers, memory: RemoteMemory = createRemoteMemory()): Source {
  return openSource(serve(answers).http, { side: "source", url: URL_OF_SIDE }, memory);
}

export function mirrorOf(answers: Answers, memory: RemoteMemory = createRemoteMemory()): Mirror {
  return openMirror(serve(answers).http, { side: "mirror", url: URL_OF_SIDE }, memory);
}

/** A v2 server's first answer, for what needs one before. */
export const V2_ADVERTISEMENT = packets("version 2\n", "ls-refs\n", "fetch\n", "0000");

export function readAdvertisedRefs(pieces: Iterable<Uint8Array>): Promise<RefList> {
  return sourceOf({ uploadAdvertisement: pieces, uploadPack: [packets("0000")] }).readRefs(EVERYTHING);
}

export function readListedRefs(pieces: Iterable<Uint8Array>, request = EVERYTHING): Promise<RefList> {
  return sourceOf({ uploadAdvertisement: [V2_ADVERTISEMENT], uploadPack: pieces }).readRefs(request);
}

export function readPushFeatures(pieces: Iterable<Uint8Array>): Promise<PushFeatures> {
  return mirrorOf({ receiveAdvertisement: pieces }).readFeatures();
}

/** Starts a fetch; what came before an error stays in `pack`. */
export async function fetchInto(pack: Uint8Array[], pieces: Iterable<Uint8Array>, version: 0 | 2): Promise<void> {
  const memory = createRemoteMemory();
  memory.uploads.set(URL_OF_SIDE, { version, capabilities: new Map([["side-band-64k", ""]]) });
  const wants = ["a".repeat(40) as Oid];
  const source = sourceOf({ uploadPack: pieces }, memory);
  for await (const bytes of source.fetchPack({ wants, haves: [], thin: true, ofsDelta: true }))
    pack.push(bytes.slice());
}

/** Pushes two commands, or as many as an answer needs, and reads the report. */
export function pushAndRead(pieces: Iterable<Uint8Array>, sideband: boolean, commands = 2): Promise<PushAnswer> {
  const updates = Array.from({ length: commands }, (_, index): RefUpdate => {
    return { kind: "delete", ref: `refs/heads/${index}` as RefName, old: "a".repeat(40) as Oid };
  });
  const features = { thin: true, ofsDelta: true, sideband, capabilities: ["report-status"] };
  const body: PushBody = { kind: "none" };
  return mirrorOf({ receivePack: pieces }).push(updates, features, body);
}

/** The MirrorError that a promise ends with; anything else fails the test. */
export async function refusalOf(promise: Promise<unknown>): Promise<MirrorError> {
  const outcome = await promise.then(
    (value) => new Error(`It was read as ${JSON.stringify(value)?.slice(0, 200)}.`),
    (error: unknown) => error,
  );
  if (outcome instanceof MirrorError && outcome.code !== "internal") return outcome;
  throw outcome;
}

function route(url: string, answers: Answers): [type: string, body: Iterable<Uint8Array>] {
  const routes: [string, string, Iterable<Uint8Array> | undefined][] = [
    ["/info/refs?service=git-upload-pack", "git-upload-pack-advertisement", answers.uploadAdvertisement],
    ["/info/refs?service=git-receive-pack", "git-receive-pack-advertisement", answers.receiveAdvertisement],
    ["/git-upload-pack", "git-upload-pack-result", answers.uploadPack],
    ["/git-receive-pack", "git-receive-pack-result", answers.receivePack],
  ];
  const found = routes.find(([end]) => url === URL_OF_SIDE + end);
  if (found?.[2] === undefined) throw new Error(`No answer was prepared for ${url}.`);
  return [`application/x-${found[1]}`, found[2]];
}

async function* iterate(body: Iterable<Uint8Array>): HttpResponse["body"] & AsyncGenerator<Uint8Array> {
  yield* body;
}

async function bodyText({ body }: HttpRequest): Promise<string> {
  if (body === undefined) return "";
  return (body instanceof Uint8Array ? Buffer.from(body) : await buffer(body)).toString("latin1");
}
