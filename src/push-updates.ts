// Carries out a plan's updates: one push where it can, and where a host refuses a whole push, finds the culprit.
import { MirrorError } from "./errors.ts";
import type { Oid } from "./model/oid.ts";
import type { RefList } from "./model/ref-list.ts";
import type { CommandResult, RefUpdate } from "./model/report.ts";
import { chooseHaves, chooseWants, HAVES_MAX } from "./plan/objects.ts";
import { isConflict, refsNamed } from "./plan/verdict.ts";
import type { Mirror } from "./remote/mirror.ts";
import type { Source } from "./remote/source.ts";
import type { PackBytes, Transfer, TransferOptions } from "./transfer/relay.ts";

export type PushRun = {
  transfer: Transfer;
  source: Source;
  mirror: Mirror;
  sourceRefs: RefList;
  mirrorRefs: RefList;
  /** Commands in one push. */
  commandsMax: number;
  confirm: TransferOptions["confirm"];
  moreHaves?: () => Promise<readonly Oid[]>;
  bytes: PackBytes;
  /** By ref: what the mirror's reports said. */
  results: Map<string, CommandResult>;
};

/** Commands in one push where the host has no limit of its own: git carried 100,000 in tests; the request's head is then 12 MB. */
export const COMMANDS_MAX = 100_000;

/**
 * A push of more commands than this that breaks with a server's error is tried in halves: GitHub answers 500 to about
 * 10,000 (reference/hosts.md 0.3) and says nothing of its limit.
 */
export const COMMANDS_BORNE = 1_000;

/** Pushes spent on finding culprits: enough for one among 2^20 refs twice over, and an end where all are refused. */
export const CULPRIT_PUSHES_MAX = 40;

/** Throws what the transfer throws; `run.results` then holds what was answered before. */
export async function pushUpdates(run: PushRun, updates: readonly RefUpdate[]): Promise<void> {
  const state: PushState = { thin: true, pushesLeft: CULPRIT_PUSHES_MAX, landed: [] };
  for (let offset = 0; offset < updates.length; offset += run.commandsMax) {
    await pushSet(run, updates.slice(offset, offset + run.commandsMax), state);
  }
}

type PushState = {
  thin: boolean;
  pushesLeft: number;
  /** Values that the mirror took with the push before: bases for the next, which would else carry all objects once more. */
  landed: readonly Oid[];
};

async function pushSet(run: PushRun, updates: readonly RefUpdate[], state: PushState): Promise<void> {
  const refusal = await pushOnce(run, updates, state).catch((error: unknown) => {
    if (state.pushesLeft > 0 && isTooMuch(error, updates.length)) return "";
    throw error;
  });
  if (refusal === undefined || updates.length < 2 || state.pushesLeft <= 0) return;
  for (const group of suspects(updates, refusal)) {
    if (state.pushesLeft-- <= 0) return;
    await pushSet(run, group, state);
  }
}

/** Whether less at once may pass: a limit on the request's size, or one on commands that shows as a server's error. */
function isTooMuch(error: unknown, commands: number): boolean {
  if (!(error instanceof MirrorError) || error.side !== "mirror" || commands < 2) return false;
  return error.code === "too-large" || (error.code === "server-error" && commands > COMMANDS_BORNE);
}

/** One receive-pack request. Returns the host's words when it refused everything. */
async function pushOnce(run: PushRun, updates: readonly RefUpdate[], state: PushState): Promise<string | undefined> {
  const wants = chooseWants(updates, run.mirrorRefs);
  const advertised = wants.length === 0 ? [] : chooseHaves(updates, run.mirrorRefs, run.sourceRefs);
  const haves = wants.length === 0 ? [] : [...new Set([...state.landed, ...advertised])].slice(0, HAVES_MAX);
  const more = run.moreHaves === undefined ? {} : { moreHaves: run.moreHaves };
  const options = { confirm: run.confirm, thin: state.thin, bytes: run.bytes, ...more };
  const answer = await run.transfer({ updates, wants, haves }, run.source, run.mirror, options);
  if (answer.unpack !== "ok") {
    const said = answer.messages.trim();
    const words = said === "" ? answer.unpack : `${answer.unpack} (${said.slice(0, 2_000)})`;
    if (state.thin && wants.length > 0) {
      // A base that the mirror advertised and lacks, or a host whose thin packs are broken: once more without.
      state.thin = false;
      state.landed = [];
      return pushOnce(run, updates, state);
    }
    const refused: CommandResult = { ok: false, reason: `unpack ${words}` };
    for (const { ref } of updates) run.results.set(ref, refused);
    return words;
  }
  const explain = explainer(answer.messages);
  for (const { ref } of updates) {
    const result = answer.results.get(ref);
    if (result !== undefined) run.results.set(ref, explain(result));
  }
  state.landed = landedOf(updates, answer.results) ?? state.landed;
  return refusedAsOne(updates, answer.results) ? `${answer.messages}` : undefined;
}

/** Half as many values as a fetch names haves, spread over all that the mirror said ok to; undefined without any. */
function landedOf(updates: readonly RefUpdate[], results: ReadonlyMap<string, CommandResult>): Oid[] | undefined {
  const taken = updates.flatMap((update) =>
    update.kind !== "delete" && results.get(update.ref)?.ok === true ? [update.new] : [],
  );
  const step = Math.ceil((2 * taken.length) / HAVES_MAX);
  return taken.length === 0 ? undefined : taken.filter((_, index) => (taken.length - 1 - index) % step === 0);
}

/** A hook's own words are worth more than "hook declined". One string for each reason, however many refs have it. */
function explainer(messages: string): (result: CommandResult) => CommandResult {
  const said = messages
    .trim()
    .replace(/\s*\n\s*/g, " | ")
    .slice(0, 1_000);
  const explained = new Map<string, CommandResult>();
  return (result) => {
    if (result.ok || said === "") return result;
    const known = explained.get(result.reason) ?? { ok: false, reason: `${result.reason} (${said})` };
    explained.set(result.reason, known);
    return known;
  };
}

/** Whether every command was refused, and none with words that a moved ref has. */
function refusedAsOne(updates: readonly RefUpdate[], results: ReadonlyMap<string, CommandResult>): boolean {
  return updates.every(({ ref }) => {
    const result = results.get(ref);
    return result !== undefined && !result.ok && !isConflict(result.reason);
  });
}

/** The refs that the host named apart from the rest; else two halves, with the deletes still first. */
function suspects(updates: readonly RefUpdate[], words: string): RefUpdate[][] {
  const named = refsNamed(updates, words);
  if (named.length > 0 && named.length < updates.length) {
    const suspected = new Set(named.map(({ ref }) => ref));
    return [updates.filter(({ ref }) => !suspected.has(ref)), named];
  }
  const middle = Math.ceil(updates.length / 2);
  return [updates.slice(0, middle), updates.slice(middle)];
}
