// When a job needs no request, when it reads in full, when the source is behind, and what the second look finds.
import { describe, expect, test } from "vitest";
import type { Cause, Job } from "../../src/model/job.ts";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import { isCovered, readsInFull, refsBehind, refsChanged, WAITED_MS } from "../../src/plan/coverage.ts";
import type { RepositoryState, RepositoryStatus } from "../../src/ports.ts";
import { create, named, refList, remove, update } from "./ref-lists.ts";

const JOB: Job = { mirror: "one" as MirrorName, repository: "r" as RepositoryName, cause: "event", refs: [named("a")] };

function status(more: Partial<RepositoryStatus> = {}): RepositoryStatus {
  return { mirror: JOB.mirror, repository: JOB.repository, state: "equal", since: 0, attempts: 0, ...more };
}

describe("a job is covered", () => {
  test.each<[Cause, boolean]>([
    ["event", true],
    ["sweep", true],
    ["replay", false],
    ["manual", false],
  ])("of cause %s: %s", (cause, covered) => {
    expect(isCovered({ ...JOB, cause }, 99, status({ coveredUntil: 100 }))).toBe(covered);
  });

  test("when it was queued before the last full read began, not in the same millisecond or after", () => {
    const at = (queuedAt: number) => isCovered(JOB, queuedAt, status({ coveredUntil: 100 }));
    expect([at(99), at(100), at(101)]).toEqual([true, false, false]);
  });

  test.each<RepositoryState>(["working", "failed", "held", "foreign", "gone", "paused"])(
    "never while the state is %s",
    (state) => {
      expect(isCovered(JOB, 1, status({ state, coveredUntil: 100 }))).toBe(false);
    },
  );

  test("never when it is a second look, which doubts what another job found equal", () => {
    expect(isCovered({ ...JOB, again: true }, 1, status({ coveredUntil: 100 }))).toBe(false);
  });

  test("never by what is not known", () => {
    expect(isCovered(JOB, 1, status())).toBe(false);
    expect(isCovered(JOB, 1, undefined)).toBe(false);
  });
});

describe("a job reads in full", () => {
  const fresh = { queuedAt: 1_000, receiveCount: 1, now: 1_000 };
  const { refs: _, ...whole } = JOB;

  test.each([
    ["names its refs and came at once", JOB, fresh, status(), false],
    ["names nothing", whole, fresh, status(), true],
    ["was received before", JOB, { ...fresh, receiveCount: 2 }, status(), true],
    ["is exactly 5 s old", JOB, { ...fresh, now: 1_000 + WAITED_MS }, status(), false],
    ["is older than 5 s", JOB, { ...fresh, now: 1_001 + WAITED_MS }, status(), true],
    ["was queued before the last job ended", JOB, fresh, status({ jobEndedAt: 1_001 }), true],
    ["was queued when the last job ended", JOB, fresh, status({ jobEndedAt: 1_000 }), false],
    ["was queued after the last job ended", JOB, fresh, status({ jobEndedAt: 999 }), false],
    ["meets a repository that is not known", JOB, fresh, undefined, true],
    ["meets a repository that failed", JOB, fresh, status({ state: "failed" }), true],
    ["meets a repository that is held", JOB, fresh, status({ state: "held" }), true],
  ])("when it %s", (_name, job, delivery, known, full) => {
    expect(readsInFull(job, delivery, known)).toBe(full);
  });
});

describe("the source is behind", () => {
  const source = refList({ a: "1", b: "2" }, { symbolic: ["s"] });

  test.each([
    ["for a ref that still shows the value from before the event", named("a", false, "1"), true],
    ["for a ref whose announced deletion it does not show", named("a", true, "1"), true],
    ["not for a ref that shows another value", named("b", false, "1"), false],
    ["not for a ref that is gone", named("gone", true, "1"), false],
    ["for a ref that was created and is not there", named("new"), true],
    ["not for a ref that was created and is there", named("a"), false],
    ["not for a ref that was created and deleted", named("new", true), false],
    ["not for a symbolic ref", named("s"), false],
  ])("%s", (_name, ref, behind) => {
    expect(refsBehind([ref, named("b", false, "9")], source)).toEqual(behind ? [ref] : []);
  });
});

describe("the second look", () => {
  test.each([
    ["an unchanged create", create("a", "1"), { a: "1" }, false],
    ["a create whose ref moved", create("a", "1"), { a: "2" }, true],
    ["a create whose ref is gone", create("a", "1"), {}, true],
    ["an unchanged update", update("a", "1", "2"), { a: "2" }, false],
    ["an update back to the old value", update("a", "1", "2"), { a: "1" }, true],
    ["an unchanged deletion", remove("a", "1"), {}, false],
    ["a deletion whose ref is back", remove("a", "1"), { a: "1" }, true],
  ])("%s: changed is %s", (_name, planned, again, changed) => {
    expect(refsChanged([planned], refList(again as Record<string, string>))).toEqual(changed ? [planned] : []);
  });
});
