// The use case: read both sides, plan, push, read back, until the mirror is proved equal or it is known why not.
import { MirrorError } from "./errors.ts";
import {
  beginRun,
  conclude,
  type MirrorRequest,
  type MirrorResult,
  note,
  noteSkipped,
  type Run,
  settledError,
} from "./mirror-run.ts";
import type { RefName } from "./model/ref.ts";
import type { RefList } from "./model/ref-list.ts";
import type { CommandResult, Plan, PlannedUpdate, RefUpdate } from "./model/report.ts";
import { refsBehind, refsChanged } from "./plan/coverage.ts";
import { chooseHaves, HAVES_MAX } from "./plan/objects.ts";
import { planFull, planNarrow, sharesTip } from "./plan/plan.ts";
import { READ_HEADS, readManaged, readNamedAtMirror, readNamedAtSource, readUpdated } from "./plan/reading.ts";
import { judgeUpdate, type Verdict } from "./plan/verdict.ts";
import { COMMANDS_MAX, pushUpdates } from "./push-updates.ts";
import type { Source } from "./remote/source.ts";
import { relay } from "./transfer/relay.ts";

/** Times that a moved ref makes a job plan again (design rule 3). */
const MOVED_MAX = 3;

/** Never throws: what went wrong is in the report, with what was done before it. */
export async function mirrorRepository(request: MirrorRequest): Promise<MirrorResult> {
  const run = beginRun(request);
  try {
    await untilSettled(run);
    return conclude(run, settledError(run));
  } catch (error) {
    return conclude(run, MirrorError.from(error));
  }
}

/** Reads both sides in full and plans; sends nothing. */
export async function planRepository(request: MirrorRequest): Promise<Plan> {
  const [source, mirror] = await readBoth(request);
  return planAll(request, source, mirror);
}

async function untilSettled(run: Run): Promise<void> {
  let conflicts = 0;
  for (let moved = 0; ; ) {
    const verdicts = await oneRound(run);
    const again = verdicts.find((verdict) => verdict.kind === "moved");
    if (again !== undefined && ++moved > MOVED_MAX) {
      throw new MirrorError("busy", `Refs moved each of the ${moved} times they were read (${again.reason}).`);
    }
    if (again !== undefined) continue;
    // A narrow job's refusal may come of what it did not read (rule 9).
    if (run.scope === "narrow" && verdicts.some(({ kind }) => kind === "conflict" || kind === "rejected")) {
      run.scope = "full";
      continue;
    }
    // A full one's conflict may come of an order of commands that is over now.
    if (!verdicts.some(({ kind }) => kind === "conflict") || conflicts++ > 0) return;
  }
}

/** Reads, plans, pushes and reads back once. Returns the verdicts on the refs of this round. */
async function oneRound(run: Run): Promise<Verdict[]> {
  const { plan, source, mirror } = await readAndPlan(run);
  run.plan = plan;
  noteSkipped(run, plan);
  const updates = plan.updates.filter(({ ref }) => !run.given.has(ref));
  if (updates.length === 0) return [];
  try {
    return await pushAndProve(run, updates, source, mirror);
  } catch (error) {
    // The want was gone or the second look differed: nothing was pushed.
    if (error instanceof MirrorError && error.code === "busy" && error.side !== "mirror")
      return [{ kind: "moved", reason: error.message }];
    throw error;
  }
}

async function readAndPlan(run: Run): Promise<{ plan: Plan; source: RefList; mirror: RefList }> {
  if (run.scope === "narrow") {
    const [source, mirror] = await both(
      run.source.readRefs(readNamedAtSource(run.named)),
      run.mirror.readRefs(readNamedAtMirror(run.named)),
    );
    run.behind = refsBehind(run.named, source);
    const plan = planNarrow({ named: run.named, source, mirror });
    if (!("widen" in plan)) return { plan, source, mirror };
    run.scope = "full";
  }
  run.readAt = run.clock();
  const [source, mirror] = await readBoth(run);
  run.behind = refsBehind(run.named, source);
  run.equalRefs = 0;
  for (const [name, oid] of source.refs) if (mirror.refs.get(name) === oid) run.equalRefs++;
  let plan = planAll(run, source, mirror);
  if (plan.deletions !== undefined && run.readAnnounced !== undefined) {
    plan = planAll(run, source, mirror, await run.readAnnounced());
  }
  if (run.refuseForeign && mirror.refs.size > 0 && (await isForeign(run.source, source, mirror))) {
    run.plan = plan;
    throw new MirrorError(
      "foreign",
      `The mirror has ${mirror.refs.size} refs, and the source knows none of their values (it has ${source.refs.size} refs).`,
    );
  }
  await run.admitted?.();
  return { plan, source, mirror };
}

/** A mirror that is merely behind shows no tip of the source's, but values from its history: the source is asked. */
async function isForeign(asked: Source, source: RefList, mirror: RefList): Promise<boolean> {
  if (sharesTip(source, mirror)) return false;
  const [want] = source.refs.values();
  if (want === undefined) return true;
  const values = new Set([...chooseHaves([], mirror, source), ...mirror.refs.values()]);
  return (await asked.knowsAny(want, [...values].slice(0, HAVES_MAX))) !== true;
}

function readBoth(request: MirrorRequest): Promise<[RefList, RefList]> {
  const reading = readManaged(request.managed);
  return both(request.source.readRefs(reading), request.mirror.readRefs(reading));
}

/** Waits for both even when one fails, so that no request is left running behind an error. */
async function both(source: Promise<RefList>, mirror: Promise<RefList>): Promise<[RefList, RefList]> {
  const [one, other] = await Promise.allSettled([source, mirror]);
  if (one.status === "rejected") throw one.reason;
  if (other.status === "rejected") throw other.reason;
  return [one.value, other.value];
}

function planAll(
  request: MirrorRequest,
  source: RefList,
  mirror: RefList,
  alsoAnnounced: readonly RefName[] = [],
): Plan {
  const named = request.named.filter(({ deleted }) => deleted).map(({ ref }) => ref);
  const announced = new Set([...named, ...alsoAnnounced]);
  const approval = request.allowDeletes === undefined ? {} : { allowDeletes: request.allowDeletes };
  return planFull({ source, mirror, announced, limits: request.limits, ...approval });
}

async function pushAndProve(run: Run, updates: PlannedUpdate[], source: RefList, mirror: RefList): Promise<Verdict[]> {
  const results = new Map<string, CommandResult>();
  const creates = updates.some(({ kind }) => kind === "create");
  const more =
    run.scope === "narrow" && creates
      ? { moreHaves: async () => [...(await run.mirror.readRefs(READ_HEADS)).refs.values()].slice(0, HAVES_MAX) }
      : {};
  let looked: Promise<void> | undefined;
  // Once for all pushes of this plan: rule 3 asks for a look that began after the mirror was read.
  const confirm = (): Promise<void> => {
    looked ??= lookAgain(run, updates);
    return looked;
  };
  let failure: unknown;
  try {
    await pushUpdates(
      {
        transfer: relay,
        source: run.source,
        mirror: run.mirror,
        sourceRefs: source,
        mirrorRefs: mirror,
        confirm,
        commandsMax: run.commandsMax ?? COMMANDS_MAX,
        bytes: run.bytes,
        results,
        ...more,
      },
      updates,
    );
  } catch (error) {
    if (error instanceof MirrorError && error.side === "source") throw error;
    // The push may have been carried out although its answer was lost: only reading tells.
    failure = error;
  }
  const shown = await run.mirror.readRefs(readUpdated(updates, run.managed)).catch((error: unknown) => {
    throw failure ?? error;
  });
  const verdicts = updates.map((update) => judgeUpdate(update, shown.refs.get(update.ref), results.get(update.ref)));
  for (const [index, verdict] of verdicts.entries()) {
    const update = updates[index];
    if (update !== undefined) note(run, update, verdict);
  }
  if (failure !== undefined && verdicts.some(({ kind }) => kind !== "applied")) throw failure;
  return verdicts;
}

/** Rule 3: the planned refs are read at the source once more, begun after the mirror's read had ended. */
async function lookAgain(run: Run, updates: readonly RefUpdate[]): Promise<void> {
  const again = await run.source.readRefs(readUpdated(updates, run.managed));
  const [changed] = refsChanged(updates, again);
  if (changed !== undefined)
    throw new MirrorError("busy", `${changed.ref} moved at the source while its pack was fetched.`, { side: "source" });
}
