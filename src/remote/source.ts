// The source: reads its refs, fetches packs.
import { MirrorError } from "../errors.ts";
import type { Oid } from "../model/oid.ts";
import type { RefList } from "../model/ref-list.ts";
import type { HttpResponse } from "../ports.ts";
import {
  decodeAcknowledgment,
  encodeFetchRequest,
  encodeHavesQuestion,
  encodeV0FetchRequest,
  FetchAnswerDecoder,
  refusal,
} from "../wire/fetch.ts";
import { PackChecker } from "../wire/pack.ts";
import { PacketDecoder } from "../wire/pkt-line.ts";
import { SidebandDecoder } from "../wire/sideband.ts";
import { type FeatureCache, type RefsRequest, readRefs, type UploadFeatures } from "./refs.ts";
import { AGENT, type SmartHttp } from "./smart-http.ts";

export type PackRequest = { wants: readonly Oid[]; haves: readonly Oid[]; thin: boolean; ofsDelta: boolean };

export type Source = {
  requests(): number;
  readRefs(request: RefsRequest): Promise<RefList>;
  /**
   * Whether the source has any of these objects; `want` is one of its tips. Undefined where it speaks no v2 and cannot be
   * asked without a pack.
   */
  knowsAny(want: Oid, haves: readonly Oid[]): Promise<boolean | undefined>;
  /**
   * The pack's bytes as they arrive. Ends only when the pack was whole and its checksum right; otherwise it throws
   * (`busy` when a want is gone, `corrupt-pack`, `request-refused`, `malformed-answer`, transport errors).
   */
  fetchPack(request: PackRequest): AsyncGenerator<Uint8Array, void, void>;
};

export function createSource(git: SmartHttp, cache: FeatureCache<UploadFeatures>): Source {
  return {
    requests: () => git.requests,
    readRefs: (request) => readRefs(git, cache, request),
    knowsAny: (want, haves) => knowsAny(git, cache, want, haves),
    fetchPack: (request) => fetchPack(git, cache, request),
  };
}

async function knowsAny(
  git: SmartHttp,
  cache: FeatureCache<UploadFeatures>,
  want: Oid,
  haves: readonly Oid[],
): Promise<boolean | undefined> {
  const features = cache.get(git.endpoint.url);
  if (features?.version !== 2) return undefined;
  const agent = features.capabilities.has("agent") ? { agent: AGENT } : {};
  const response = await git.post("git-upload-pack", encodeHavesQuestion({ want, haves, ...agent }), { version: 2 });
  const packets = new PacketDecoder();
  try {
    for await (const chunk of response.body) {
      packets.push(chunk);
      for (let packet = packets.next(); packet !== undefined; packet = packets.next()) {
        const known = decodeAcknowledgment(packet);
        if (known !== undefined) return known;
      }
    }
    throw new MirrorError("malformed-answer", "The fetch answer ended before its acknowledgments.");
  } catch (error) {
    throw git.blame(error);
  } finally {
    response.destroy();
  }
}

async function* fetchPack(
  git: SmartHttp,
  cache: FeatureCache<UploadFeatures>,
  request: PackRequest,
): AsyncGenerator<Uint8Array, void, void> {
  const features = cache.get(git.endpoint.url);
  if (features === undefined) throw new MirrorError("internal", "A pack was asked for before the refs were read.");
  let response: HttpResponse | undefined;
  try {
    const { version, capabilities } = features;
    const agent = capabilities.has("agent") ? { agent: AGENT } : {};
    const body =
      version === 2
        ? encodeFetchRequest({ ...request, ...agent })
        : encodeV0FetchRequest({ ...request, ...agent }, capabilities);
    response = await git.post("git-upload-pack", body, { version });
    yield* packBytes(response, version);
  } catch (error) {
    const known = MirrorError.from(error);
    // The lost race comes as an ERR packet or, once the pack has begun, on band 3.
    const lost = known.code === "request-refused" ? refusal(known.message.replace(/^The server said: /, "")) : known;
    if (lost.code !== "busy") cache.drop(git.endpoint.url);
    throw git.blame(lost);
  } finally {
    response?.destroy();
  }
}

async function* packBytes(response: HttpResponse, version: 0 | 2): AsyncGenerator<Uint8Array, void, void> {
  const packets = new PacketDecoder();
  const preface = new FetchAnswerDecoder(version);
  const sideband = new SidebandDecoder();
  const checker = new PackChecker();
  // The last piece waits for the proof: some servers carry a push out when its pack is there, however its request ends.
  let held: Uint8Array | undefined;
  for await (const chunk of response.body) {
    for (const part of sideband.decode(preface.begun ? chunk : afterPreface(packets, preface, chunk))) {
      if (part.kind !== "data" || part.bytes.length === 0) continue;
      checker.push(part.bytes);
      if (held !== undefined) yield held;
      held = part.bytes;
    }
  }
  if (!preface.begun) throw new MirrorError("malformed-answer", "The fetch answer ended before its pack began.");
  sideband.end();
  checker.end();
  if (held !== undefined) yield held;
}

/** The chunk's bytes behind the preface: none while it has not ended. */
function afterPreface(packets: PacketDecoder, preface: FetchAnswerDecoder, chunk: Uint8Array): Uint8Array {
  packets.push(chunk);
  while (!preface.begun) {
    const packet = packets.next();
    if (packet === undefined) return new Uint8Array(0);
    preface.decode(packet);
  }
  return packets.takeRest();
}
