// The relay: the source's pack bytes become the mirror's push request as they arrive; nothing is indexed or stored.
import type { Oid } from "../model/oid.ts";
import type { RefUpdate } from "../model/report.ts";
import type { Mirror, PushAnswer, PushBody, PushFeatures } from "../remote/mirror.ts";
import type { Source } from "../remote/source.ts";
import { emptyPack } from "../wire/pack.ts";
import { SPOOL_BYTES_MAX, type Spooled, spool } from "./spool.ts";

/** What one receive-pack request shall do. */
export type TransferPlan = { updates: readonly RefUpdate[]; wants: readonly Oid[]; haves: readonly Oid[] };

export type TransferOptions = {
  /**
   * The second look at the source, run beside the fetch; it throws `busy` when a planned ref has another value by now.
   * Nothing is pushed before it ended well.
   */
  confirm: () => Promise<void>;
  /** For a narrow plan: more haves, asked for once the pack passes 1 MiB for want of a base. */
  moreHaves?: () => Promise<readonly Oid[]>;
  /** Off for the one retry after a delta whose base the mirror lacked. */
  thin: boolean;
  /** Pack bytes, counted up while they move. */
  bytes: PackBytes;
};

export type PackBytes = { fetched: number; sent: number };

/** Shared by the engines: moves what a plan says; the mirror's answer is yet to be proved by reading. */
export type Transfer = (
  plan: TransferPlan,
  source: Source,
  mirror: Mirror,
  options: TransferOptions,
) => Promise<PushAnswer>;

/** A pack without a base beyond this size is worth another look at the mirror's heads (design 3). */
const BASELESS_BYTES_MAX = 1024 * 1024;

export const relay: Transfer = async (plan, source, mirror, options) => {
  const { bytes } = options;
  const features = mirror.readFeatures();
  const ready = Promise.all([features, options.confirm()]);
  // Settled below on every path; without this a failing fetch would leave it unhandled.
  ready.catch(() => {});
  const pack = await takePack(plan, source, features, options);
  try {
    const [known] = await ready;
    return await mirror.push(plan.updates, known, pushBody(pack, bytes));
  } finally {
    // Not waited for: a source that hangs in the middle of its pack must not keep the mirror's answer back.
    if (pack?.kind === "cut") pack.rest.return().catch(() => {});
  }
};

/** The pack, begun or whole; undefined where none is sent. */
async function takePack(
  plan: TransferPlan,
  source: Source,
  features: Promise<PushFeatures>,
  options: TransferOptions,
): Promise<Spooled | undefined> {
  if (plan.updates.every(({ kind }) => kind === "delete")) return undefined;
  if (plan.wants.length === 0) {
    const empty = emptyPack();
    return { kind: "whole", parts: [empty], bytes: empty.length };
  }
  const { moreHaves, bytes } = options;
  // A warm process knows what the mirror takes. A cold one asks at the same time and guesses: nearly every host takes
  // thin packs with offset deltas.
  const cached = await Promise.race([features, undefined]);
  const guess = { thin: options.thin && (cached?.thin ?? true), ofsDelta: cached?.ofsDelta ?? true };
  const begun = await begin(plan, source, guess, moreHaves === undefined ? SPOOL_BYTES_MAX : BASELESS_BYTES_MAX, bytes);
  const { thin, ofsDelta } = await features.catch(async (error: unknown) => {
    if (begun.kind === "cut") await begun.rest.return();
    throw error;
  });
  const allowed = { thin: options.thin && thin, ofsDelta };
  const wrongGuess = (guess.thin && !allowed.thin) || (guess.ofsDelta && !ofsDelta);
  const baseless = begun.kind === "cut" && moreHaves !== undefined;
  if (!wrongGuess && !baseless) return begun;
  if (begun.kind === "cut") await begun.rest.return();
  const haves = baseless ? [...new Set([...plan.haves, ...(await moreHaves())])] : plan.haves;
  return begin({ ...plan, haves }, source, allowed, SPOOL_BYTES_MAX, bytes);
}

async function begin(
  plan: TransferPlan,
  source: Source,
  format: { thin: boolean; ofsDelta: boolean },
  bytesMax: number,
  bytes: PackBytes,
): Promise<Spooled> {
  return spool(counted(source.fetchPack({ wants: plan.wants, haves: plan.haves, ...format }), bytes), bytesMax);
}

async function* counted(
  pack: AsyncGenerator<Uint8Array, void, void>,
  bytes: PackBytes,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of pack) {
    bytes.fetched += chunk.length;
    yield chunk;
  }
}

function pushBody(pack: Spooled | undefined, bytes: PackBytes): PushBody {
  if (pack === undefined) return { kind: "none" };
  if (pack.kind === "whole") {
    bytes.sent += pack.bytes;
    return { kind: "whole", parts: pack.parts };
  }
  return { kind: "stream", chunks: sending(pack.parts, pack.rest, bytes) };
}

/** Gives up each held part as it goes out. If the rest throws, so does this, and the push is broken off. */
async function* sending(
  parts: Uint8Array[],
  rest: AsyncGenerator<Uint8Array, void, void>,
  bytes: PackBytes,
): AsyncGenerator<Uint8Array> {
  parts.reverse();
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    bytes.sent += part.length;
    yield part;
  }
  for await (const chunk of rest) {
    bytes.sent += chunk.length;
    yield chunk;
  }
}
