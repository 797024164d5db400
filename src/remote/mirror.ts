// The mirror: reads its refs and push features, pushes commands with a pack, reads the report.
import { MirrorError } from "../errors.ts";
import type { RefList } from "../model/ref-list.ts";
import type { CommandResult, RefUpdate } from "../model/report.ts";
import type { HttpResponse } from "../ports.ts";
import { AdvertisementDecoder } from "../wire/advertisement.ts";
import { concatBytes, copyBytes } from "../wire/bytes.ts";
import { type Capabilities, checkObjectFormat } from "../wire/capabilities.ts";
import { PacketDecoder } from "../wire/pkt-line.ts";
import { encodeCommands, type PushReport, ReportDecoder } from "../wire/receive-pack.ts";
import { SidebandDecoder } from "../wire/sideband.ts";
import { type FeatureCache, type RefsRequest, readRefs, type UploadFeatures } from "./refs.ts";
import { AGENT, type SmartHttp } from "./smart-http.ts";

/** What receive-pack advertised, as questions. */
export type PushFeatures = {
  thin: boolean;
  ofsDelta: boolean;
  sideband: boolean;
  capabilities: readonly string[];
  /** Where a redirect led. */
  place?: string;
};

/** The pack behind the commands: none for deletes alone, held whole, or a stream of unknown length. */
export type PushBody =
  | { kind: "none" }
  | { kind: "whole"; parts: readonly Uint8Array[] }
  | { kind: "stream"; chunks: AsyncIterable<Uint8Array> };

export type PushAnswer = PushReport & {
  /** What the host printed (side-band 2), at most 64 kB. */
  messages: string;
};

export type Mirror = {
  requests(): number;
  readRefs(request: RefsRequest): Promise<RefList>;
  /** Cached in a warm worker. */
  readFeatures(): Promise<PushFeatures>;
  /** One receive-pack request. When the body's stream throws, the socket is destroyed and no ref moves. */
  push(updates: readonly RefUpdate[], features: PushFeatures, body: PushBody): Promise<PushAnswer>;
};

/** A receive-pack advertisement is read only for its features, which stand on the first line (design 3). */
const FEATURE_BYTES_MAX = 64 * 1024;
const MESSAGE_BYTES_MAX = 64 * 1024;

export function createMirror(
  git: SmartHttp,
  uploads: FeatureCache<UploadFeatures>,
  pushes: FeatureCache<PushFeatures>,
): Mirror {
  return {
    requests: () => git.requests,
    readRefs: (request) => readRefs(git, uploads, request),
    readFeatures: () => readFeatures(git, pushes),
    async push(updates, features, body) {
      try {
        return hideSecrets(git, await push(git, updates, features, body));
      } catch (error) {
        pushes.drop(git.endpoint.url);
        throw git.blame(error);
      }
    },
  };
}

/** A hook can print what it was sent, into its messages and into the reasons. */
function hideSecrets(git: SmartHttp, { unpack, messages, results }: PushAnswer): PushAnswer {
  const hidden = new Map<string, CommandResult>();
  for (const [ref, result] of results) {
    if (result.ok) continue;
    const known = hidden.get(result.reason) ?? { ok: false, reason: git.hide(result.reason) };
    hidden.set(result.reason, known);
    results.set(ref, known);
  }
  return { unpack: git.hide(unpack), messages: git.hide(messages), results };
}

async function readFeatures(git: SmartHttp, cache: FeatureCache<PushFeatures>): Promise<PushFeatures> {
  const known = cache.get(git.endpoint.url);
  if (known !== undefined) return known;
  const response = await git.getAdvertisement("git-receive-pack");
  try {
    const features = { ...pushFeatures(await readCapabilities(response)), ...git.redirection("git-receive-pack") };
    cache.set(git.endpoint.url, features);
    return features;
  } catch (error) {
    throw git.blame(error);
  }
}

/** Reads a short advertisement to its end, so that the connection lives on, and cuts a long one after its first line. */
async function readCapabilities(response: HttpResponse): Promise<Capabilities> {
  const packets = new PacketDecoder();
  const decoder = new AdvertisementDecoder();
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      packets.push(chunk);
      bytes += chunk.length;
      for (let packet = packets.next(); packet !== undefined; packet = packets.next()) decoder.decode(packet);
      if (bytes > FEATURE_BYTES_MAX && decoder.capabilities.size > 0) break;
    }
  } finally {
    response.destroy();
  }
  if (!decoder.done && bytes <= FEATURE_BYTES_MAX) {
    throw new MirrorError("malformed-answer", "The receive-pack advertisement ended without its flush-pkt.");
  }
  return decoder.capabilities;
}

function pushFeatures(offered: Capabilities): PushFeatures {
  checkObjectFormat(offered);
  const report = ["report-status-v2", "report-status"].find((name) => offered.has(name));
  if (report === undefined) {
    throw new MirrorError(
      "unsupported",
      "The mirror's receive-pack offers no report-status: success could not be told.",
    );
  }
  const words = [report, ...["side-band-64k", "quiet"].filter((name) => offered.has(name))];
  // Only what was offered: CodeCommit breaks off when `agent` comes unasked (reference/hosts.md 0.6).
  if (offered.get("object-format") === "sha1") words.push("object-format=sha1");
  if (offered.has("agent")) words.push(`agent=${AGENT}`);
  return {
    thin: !offered.has("no-thin"),
    ofsDelta: offered.has("ofs-delta"),
    sideband: offered.has("side-band-64k"),
    capabilities: words,
  };
}

async function push(
  git: SmartHttp,
  updates: readonly RefUpdate[],
  features: PushFeatures,
  body: PushBody,
): Promise<PushAnswer> {
  const commands = encodeCommands(updates, features.capabilities);
  git.resume("git-receive-pack", features);
  const response = await postPush(git, commands, body);
  try {
    return await readReport(response, updates.length, features.sideband);
  } finally {
    response.destroy();
  }
}

function postPush(git: SmartHttp, commands: Uint8Array, body: PushBody): Promise<HttpResponse> {
  if (body.kind === "stream") return git.post("git-receive-pack", prefixed(commands, body.chunks), { version: 0 });
  const parts = body.kind === "whole" ? body.parts : [];
  const length = parts.reduce((sum, part) => sum + part.length, commands.length);
  // A short request is one block, so that it can be sent again with a fresh credential.
  if (length <= MESSAGE_BYTES_MAX)
    return git.post("git-receive-pack", concatBytes([commands, ...parts]), { version: 0 });
  return git.post("git-receive-pack", prefixed(commands, parts), { version: 0, length });
}

async function* prefixed(
  first: Uint8Array,
  rest: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function readReport(response: HttpResponse, commands: number, sideband: boolean): Promise<PushAnswer> {
  const packets = new PacketDecoder();
  const report = new ReportDecoder(commands);
  const multiplexed = new SidebandDecoder();
  const messages: Uint8Array[] = [];
  let messageBytes = 0;
  const takeReport = (bytes: Uint8Array): void => {
    packets.push(bytes);
    for (let packet = packets.next(); packet !== undefined; packet = packets.next()) report.decode(packet);
  };
  try {
    for await (const chunk of response.body) {
      if (!sideband) takeReport(chunk);
      else
        for (const part of multiplexed.decode(chunk)) {
          if (part.kind === "data") takeReport(part.bytes);
          if (part.kind !== "progress" || messageBytes > MESSAGE_BYTES_MAX) continue;
          messages.push(copyBytes(part.bytes));
          messageBytes += part.bytes.length;
        }
    }
    if (sideband) multiplexed.end();
    packets.end();
    return { ...report.report(), messages: Buffer.concat(messages).toString("utf8") };
  } catch (error) {
    const known = MirrorError.from(error);
    const words = Buffer.concat(messages).toString("utf8").trim();
    if (words === "") throw known;
    throw new MirrorError(known.code, `${known.message} Before that the host printed: ${words.slice(0, 2_000)}`, {
      remedy: known.remedy,
      cause: known,
    });
  }
}
