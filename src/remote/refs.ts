// Reads a side's refs: ls-refs of protocol v2, or the advertisement of v0 where the server speaks no v2.
import { MirrorError } from "../errors.ts";
import type { Oid } from "../model/oid.ts";
import type { RefList } from "../model/ref-list.ts";
import { AdvertisementDecoder } from "../wire/advertisement.ts";
import { type Capabilities, checkObjectFormat } from "../wire/capabilities.ts";
import { encodeLsRefsRequest, PREFIXES_MAX, parseLsRefsLine } from "../wire/ls-refs.ts";
import { eachPacket } from "./packets.ts";
import { AGENT, type SmartHttp } from "./smart-http.ts";

export type RefsRequest = {
  /** What is asked for; a prefix is only a prefix, so `keep` decides. */
  prefixes: readonly string[];
  /** Which names enter the list (HEAD is kept whenever it comes). */
  keep: (name: string) => boolean;
};

/** `place`: where a redirect led. */
export type UploadFeatures = { version: 0 | 2; capabilities: Capabilities; place?: string };

/** Backstop against a list without end: 20 times the largest repositories known (500,000 refs). */
const REFS_MAX = 10_000_000;

/** What upload-pack and receive-pack of a URL can do, remembered by a warm worker; dropped on any surprise. */
export class FeatureCache<Features> {
  readonly #entries = new Map<string, Features>();
  readonly #entriesMax: number;

  constructor(entriesMax = 1_000) {
    this.#entriesMax = entriesMax;
  }

  get(url: string): Features | undefined {
    return this.#entries.get(url);
  }

  set(url: string, features: Features): void {
    const oldest = this.#entries.keys().next();
    if (this.#entries.size >= this.#entriesMax && oldest.done !== true) this.#entries.delete(oldest.value);
    this.#entries.set(url, features);
  }

  drop(url: string): void {
    this.#entries.delete(url);
  }
}

/** The whole list asked for, or an error: never a shorter list. */
export async function readRefs(
  git: SmartHttp,
  cache: FeatureCache<UploadFeatures>,
  request: RefsRequest,
): Promise<RefList> {
  const { url } = git.endpoint;
  try {
    let features = cache.get(url);
    if (features?.version !== 2) {
      const found = await discover(git, request);
      features = found.features;
      cache.set(url, features);
      if (found.list !== undefined) return found.list;
    }
    git.resume("git-upload-pack", features);
    return await lsRefs(git, features.capabilities, request);
  } catch (error) {
    cache.drop(url);
    throw git.blame(error);
  }
}

/** v2 says only what it can; v0 lists everything at once. */
async function discover(git: SmartHttp, request: RefsRequest): Promise<{ features: UploadFeatures; list?: RefList }> {
  const decoder = new AdvertisementDecoder();
  const list = emptyList();
  const response = await git.getAdvertisement("git-upload-pack");
  await eachPacket(response, (packet) => {
    const ref = decoder.decode(packet);
    if (ref !== undefined) addRef(list, request, ref);
    return decoder.done ? "done" : "more";
  });
  if (!decoder.done) throw new MirrorError("malformed-answer", "The advertisement ended without its flush-pkt.");
  const { version, capabilities } = decoder;
  checkObjectFormat(capabilities);
  const features = { version, capabilities, ...git.redirection("git-upload-pack") };
  if (version === 0) return { features, list };
  if (!capabilities.has("ls-refs") || !capabilities.has("fetch")) {
    throw new MirrorError(
      "unsupported",
      `The server offers no ls-refs and fetch: ${[...capabilities.keys()].join(", ").slice(0, 200)}.`,
    );
  }
  return { features };
}

async function lsRefs(git: SmartHttp, capabilities: Capabilities, request: RefsRequest): Promise<RefList> {
  const prefixes = request.prefixes.length > PREFIXES_MAX ? [] : request.prefixes;
  const agent = capabilities.has("agent") ? { agent: AGENT } : {};
  const response = await git.post("git-upload-pack", encodeLsRefsRequest({ prefixes, ...agent }), {
    version: 2,
    gzip: true,
  });
  const list = emptyList();
  let done = false;
  await eachPacket(response, (packet) => {
    done = packet.kind === "flush";
    if (done) return "done";
    if (packet.kind !== "data")
      throw new MirrorError("malformed-answer", `A ${packet.kind}-pkt came inside the ref list.`);
    const { name, oid, symrefTarget } = parseLsRefsLine(packet.payload);
    if (oid !== undefined) addRef(list, request, { name, oid, symbolic: symrefTarget !== undefined });
    return "more";
  });
  if (!done) throw new MirrorError("malformed-answer", "The ref list ended without its flush-pkt.");
  return list;
}

function addRef(list: RefList, request: RefsRequest, ref: { name: string; oid: Oid; symbolic?: boolean }): void {
  if (ref.name === "HEAD") list.head = ref.oid;
  else if (!request.keep(ref.name)) return;
  else if (ref.symbolic === true) list.symbolic.add(ref.name);
  else list.refs.set(ref.name, ref.oid);
  if (list.refs.size > REFS_MAX)
    throw new MirrorError("malformed-answer", `The ref list has more than ${REFS_MAX} refs.`);
}

function emptyList(): RefList {
  return { refs: new Map(), symbolic: new Set() };
}
