// What holds for every plan, whatever the two sides list: the lists become equal, and nothing else is touched.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Oid } from "../../src/model/oid.ts";
import type { RefName } from "../../src/model/ref.ts";
import type { RefList } from "../../src/model/ref-list.ts";
import type { PlannedUpdate } from "../../src/model/report.ts";
import { leadingPaths } from "../../src/plan/conflicts.ts";
import { DEFAULT_GUARD } from "../../src/plan/guard.ts";
import { HAVES_MAX } from "../../src/plan/objects.ts";
import { planFull, planNarrow } from "../../src/plan/plan.ts";
import { closeRefNames, plainLists, refLists } from "../model/arbitraries.ts";

const NO_GUARD = { deletionsMin: 1_000, percent: 100, deletionsMax: 1_000 };
const announcements = fc.uniqueArray(closeRefNames, { maxLength: 5 }).map((names) => new Set(names));
const limits = fc.record({ deletionsMin: fc.nat(5), percent: fc.nat(100), deletionsMax: fc.nat(10) });

test("carrying out a full plan on the mirror's list gives the source's list when nothing is held or skipped", () => {
  fc.assert(
    fc.property(plainLists, plainLists, announcements, (source, mirror, announced) => {
      fc.pre(source.refs.size > 0 && source.head !== undefined);
      const plan = planFull({ source, mirror, announced, limits: NO_GUARD });
      expect(plan.skipped).toEqual([]);
      expect(sorted(apply(mirror.refs, plan.updates))).toEqual(sorted(source.refs));
    }),
  );
});

test("a full plan says of each difference what it does or why not, once, with the values read", () => {
  fc.assert(
    fc.property(refLists, refLists, announcements, limits, (source, mirror, announced, guard) => {
      const plan = planFull({ source, mirror, announced, limits: guard });
      const told = [...plan.updates, ...plan.skipped].map(({ ref }) => ref);
      expect(new Set(told).size).toBe(told.length);
      const names = new Set([...source.refs.keys(), ...mirror.refs.keys()]);
      for (const name of names) {
        const differs = source.refs.get(name) !== mirror.refs.get(name);
        expect(told.includes(name as RefName) || !differs).toBe(true);
      }
      checkUpdates(plan.updates, source, mirror);
      const isSorted = (kinds: PlannedUpdate[]) =>
        kinds.every(({ ref }, at) => at === 0 || (kinds[at - 1]?.ref ?? "") < ref);
      const deletes = plan.updates.filter(({ kind }) => kind === "delete");
      expect(plan.updates.slice(0, deletes.length)).toEqual(deletes);
      expect(isSorted(deletes) && isSorted(plan.updates.slice(deletes.length))).toBe(true);
    }),
  );
});

test("a full plan creates nothing beside a held deletion that it conflicts with, and holds no other change back", () => {
  fc.assert(
    fc.property(plainLists, plainLists, (source, mirror) => {
      const limitsOfOne = { deletionsMin: 1, percent: 0, deletionsMax: 0 };
      const plan = planFull({ source, mirror, announced: new Set(), limits: limitsOfOne });
      const held = plan.skipped.filter(({ reason }) => reason === "guarded").map(({ ref }) => ref);
      const conflicts = (ref: string) =>
        held.some((name) => leadingPaths(ref).includes(name) || leadingPaths(name).includes(ref));
      for (const { kind, ref } of plan.updates) expect(kind === "create" && conflicts(ref)).toBe(false);
      for (const { reason, ref } of plan.skipped) if (reason === "blocked") expect(conflicts(ref)).toBe(true);
      const after = apply(mirror.refs, plan.updates);
      for (const [name, oid] of source.refs) expect(after.get(name) === oid || conflicts(name)).toBe(true);
    }),
  );
});

test("planning again after a plan was carried out finds nothing but what was left alone", () => {
  fc.assert(
    fc.property(refLists, refLists, announcements, (source, mirror, announced) => {
      const input = { source, announced, limits: DEFAULT_GUARD };
      const plan = planFull({ ...input, mirror });
      const again = planFull({ ...input, mirror: { ...mirror, refs: apply(mirror.refs, plan.updates) } });
      expect(again.updates.filter(({ kind }) => kind !== "delete")).toEqual([]);
    }),
  );
});

test("a narrow plan never touches a ref that was not named, and says something of each that was", () => {
  const names = fc.uniqueArray(fc.record({ ref: closeRefNames, deleted: fc.boolean() }), {
    selector: ({ ref }) => ref,
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(names, refLists, refLists, (named, source, mirror) => {
      const plan = planNarrow({ named, source, mirror });
      if ("widen" in plan) return;
      const told = [...plan.updates, ...plan.skipped].map(({ ref }) => ref);
      expect(told.sort()).toEqual(named.map(({ ref }) => ref).sort());
      checkUpdates(plan.updates, source, mirror);
      const after = apply(mirror.refs, plan.updates);
      for (const { ref } of named) {
        const symbolic = source.symbolic.has(ref) || mirror.symbolic.has(ref);
        if (!symbolic) expect(after.get(ref)).toBe(source.refs.get(ref));
      }
    }),
  );
});

test("a narrow plan deletes only what was announced, and says the same as the full plan does of the named refs", () => {
  fc.assert(
    fc.property(closeRefNames, fc.boolean(), plainLists, plainLists, (ref, deleted, source, mirror) => {
      fc.pre(source.refs.size > 0 && source.head !== undefined);
      const narrow = planNarrow({ named: [{ ref, deleted }], source, mirror });
      if ("widen" in narrow) {
        const isGone = !deleted && !source.refs.has(ref) && mirror.refs.has(ref);
        expect(narrow.widen).toBe(isGone ? "unannounced-deletion" : "name-conflict");
        return;
      }
      const full = planFull({ source, mirror, announced: new Set(deleted ? [ref] : []), limits: NO_GUARD });
      expect(narrow.updates).toEqual(full.updates.filter((update) => update.ref === ref));
      expect(narrow.updates.every(({ kind }) => kind !== "delete" || deleted)).toBe(true);
    }),
  );
});

test("wants are new values that the mirror lacks, haves are values that the mirror shows, without doubles", () => {
  fc.assert(
    fc.property(refLists, refLists, (source, mirror) => {
      const { updates, wants, haves } = planFull({ source, mirror, announced: new Set(), limits: DEFAULT_GUARD });
      const shown = new Set<Oid>(mirror.refs.values());
      if (mirror.head !== undefined) shown.add(mirror.head);
      const news = updates.flatMap((update) => (update.kind === "delete" ? [] : [update.new]));
      expect(new Set(wants)).toEqual(new Set(news.filter((oid) => !shown.has(oid))));
      expect(new Set([...wants, ...haves]).size).toBe(wants.length + haves.length);
      expect(haves.every((oid) => shown.has(oid)) && haves.length <= HAVES_MAX).toBe(true);
      if (wants.length === 0) expect(haves).toEqual([]);
    }),
  );
});

/** Compare-and-swap: each update carries what the mirror shows, and the source's value. */
function checkUpdates(updates: readonly PlannedUpdate[], source: RefList, mirror: RefList): void {
  for (const update of updates) {
    expect(mirror.refs.get(update.ref)).toBe(update.kind === "create" ? undefined : update.old);
    expect(source.refs.get(update.ref)).toBe(update.kind === "delete" ? undefined : update.new);
    expect(source.symbolic.has(update.ref) || mirror.symbolic.has(update.ref)).toBe(false);
  }
}

function apply(refs: ReadonlyMap<string, Oid>, updates: readonly PlannedUpdate[]): Map<string, Oid> {
  const after = new Map(refs);
  for (const update of updates) {
    if (update.kind === "delete") after.delete(update.ref);
    else after.set(update.ref, update.new);
  }
  return after;
}

function sorted(refs: ReadonlyMap<string, Oid>): [string, Oid][] {
  return [...refs].sort(([one], [other]) => (one < other ? -1 : 1));
}
