// Refs that move while a job works, wants that vanish, and a mirror that dies once it has carried the push out.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import { git } from "../support/git.ts";
import type { RequestRecord } from "../support/git-server.ts";
import { commit, deleteRef, refsOf, updateRef } from "../support/repositories.ts";
import {
  expectEqual,
  expectedRefs,
  expectNothingHalfShown,
  expectUnmoved,
  runMirror,
  type SideServer,
  startTwoSides,
  type TwoSides,
} from "./two-sides.ts";

let sides: TwoSides;
let http: ReturnType<typeof createHttpClient>;
beforeAll(async () => {
  sides = await startTwoSides();
  http = createHttpClient();
});
afterEach(() => sides.heal());
afterAll(async () => {
  http.close();
  await sides.close();
});

describe("a ref that moves at the source", () => {
  test("between the list and the second look is planned again: the older value never reaches the mirror", async () => {
    const run = await sides.begin();
    let newest = "";
    onNth(sides.source, "ls-refs", 2, async () => {
      newest = await commit(run.sourceRepo, { files: { "c.txt": "three\n" }, message: "three" });
    });
    const pushes = countPushes();
    expect((await runMirror(run, { http })).report.outcome).toBe("equal");
    expect(pushes()).toBe(1);
    expect((await refsOf(run.mirrorRepo)).get("refs/heads/main")).toBe(newest);
    await expectEqual(sides, { ...run, next: await expectedRefs(run.sourceRepo, run.mirrorRepo) });
  });

  test("after a deletion was planned comes back, and is not deleted", async () => {
    const run = await sides.begin();
    const gone = run.old.get("refs/heads/gone") ?? "";
    await git(["-C", run.sourceRepo, "fetch", "--quiet", run.mirrorRepo, gone]);
    onNth(sides.source, "ls-refs", 2, () => updateRef(run.sourceRepo, "refs/heads/gone", gone));
    const { report } = await runMirror(run, { http });
    expect(report.outcome).toBe("equal");
    expect(report.refs.map(({ ref }) => ref)).not.toContain("refs/heads/gone");
    expect((await refsOf(run.mirrorRepo)).get("refs/heads/gone")).toBe(gone);
  });

  test("each time it is read makes the job busy, and nothing is pushed", async () => {
    const run = await sides.begin();
    let commits = 0;
    sides.source.before = async ({ service }) => {
      if (service === "ls-refs") await commit(run.sourceRepo, { message: `commit ${++commits}` });
    };
    const pushes = countPushes();
    const { report } = await runMirror(run, { http });
    expect(report).toMatchObject({ outcome: "failed", error: { code: "busy" } });
    expect(report.error?.message).toMatch(/refs\/heads\/main moved at the source/);
    expect(pushes()).toBe(0);
    await expectUnmoved(sides, run);
    sides.heal();
    expect((await runMirror(run, { http })).report.outcome).toBe("equal");
  });
});

describe("a want that vanished", () => {
  test("with its branch, pruned by the real git, is listed again", async () => {
    const run = await sides.begin();
    onNth(sides.source, "fetch", 1, async () => {
      await deleteRef(run.sourceRepo, "refs/heads/new/branch");
      await git(["-C", run.sourceRepo, "prune", "--expire=now"]);
    });
    const { report } = await runMirror(run, { http });
    expect(report.outcome, report.error?.message).toBe("equal");
    await expectEqual(sides, { ...run, next: await expectedRefs(run.sourceRepo, run.mirrorRepo) });
    expect((await refsOf(run.mirrorRepo)).has("refs/heads/new/branch")).toBe(false);
  });

  const oid = "0123456789".repeat(4);
  test.each([
    ["git", { kind: "err-packet", message: `upload-pack: not our ref ${oid}` }],
    ["JGit", { kind: "err-packet", message: `want ${oid} not valid` }],
    ["JGit on side-band 3", { kind: "sideband-error", message: `want ${oid} not valid` }],
  ] as const)("as %s says it: once is listed again, for ever is busy", async (_, fault) => {
    const run = await sides.begin();
    sides.source.rules.push({ on: "fetch", fault, times: Number.POSITIVE_INFINITY });
    const { report } = await runMirror(run, { http });
    expect(report).toMatchObject({ outcome: "failed", error: { code: "busy" } });
    expect(report.error?.message).toContain(`source ${run.sourceUrl}`);
    await expectUnmoved(sides, run);
    sides.heal();
    sides.source.rules.push({ on: "fetch", fault });
    expect((await runMirror(run, { http })).report.outcome).toBe("equal");
    await expectEqual(sides, run);
  });
});

describe("a ref that moves at the mirror", () => {
  test("between the read and the push is read and planned again; the lost oid is named", async () => {
    const run = await sides.begin();
    const foreign = await commit(run.mirrorRepo, { branch: "refs/aside", parents: [], message: "foreign" });
    onNth(sides.mirror, "receive-pack", 1, () => updateRef(run.mirrorRepo, "refs/heads/main", foreign));
    const { report } = await runMirror(run, { http });
    expect(report.outcome, report.error?.message).toBe("equal");
    expect(report.refs.find(({ ref }) => ref === "refs/heads/main")?.old).toBe(foreign);
    await expectEqual(sides, { ...run, next: await expectedRefs(run.sourceRepo, run.mirrorRepo) });
  });

  test("each time makes the job busy; the other refs are through", async () => {
    const run = await sides.begin();
    sides.mirror.before = async ({ service }) => {
      if (service === "receive-pack") await commit(run.mirrorRepo, { message: "foreign" });
    };
    const { report } = await runMirror(run, { http });
    expect(report.error?.code).toBe("busy");
    expect(report.refs.find(({ ref }) => ref === "refs/heads/main")?.outcome).toBe("moved");
    const shown = await refsOf(run.mirrorRepo);
    for (const [ref, oid] of run.next) if (ref !== "refs/heads/main") expect(shown.get(ref), ref).toBe(oid);
    sides.heal();
    expect((await runMirror(run, { http })).report.outcome).toBe("equal");
    await expectEqual(sides, run);
  });
});

describe("a mirror that dies once it has carried the push out", () => {
  test("and stays away is a failure; the next run finds it equal and pushes nothing", async () => {
    const run = await sides.begin();
    const reset = { kind: "reset", afterBytes: 5 } as const;
    sides.mirror.rules.push({ on: "receive-pack", fault: reset });
    let pushed = false;
    sides.mirror.before = async ({ service }, { request }) => {
      if (pushed) request.socket.destroy();
      pushed ||= service === "receive-pack";
    };
    const { report } = await runMirror(run, { http });
    expect(report).toMatchObject({ outcome: "failed", error: { code: "unreachable" } });
    expect(report.error?.message).toContain(`mirror ${run.mirrorUrl}`);
    await expectEqual(sides, run);
    sides.heal();
    const pushes = countPushes();
    expect((await runMirror(run, { http })).report).toMatchObject({ outcome: "equal", refs: [] });
    expect(pushes()).toBe(0);
  });

  test("and comes back is found equal by the same run, with one push", async () => {
    const run = await sides.begin();
    sides.mirror.rules.push({ on: "receive-pack", fault: { kind: "reset", afterBytes: 5 } });
    const pushes = countPushes();
    const { report } = await runMirror(run, { http });
    expect(report).toMatchObject({ outcome: "equal" });
    expect(report.refs.every(({ outcome }) => outcome === "applied")).toBe(true);
    expect(pushes()).toBe(1);
    await expectEqual(sides, run);
  });
});

test("a mirror that shows some refs moved and dies before the others keeps what is proved", async () => {
  const run = await sides.begin();
  // What a receive-pack killed between two refs leaves behind: no push is one transaction.
  sides.mirror.before = async ({ service }, { request }) => {
    if (service !== "receive-pack") return;
    await deleteRef(run.mirrorRepo, "refs/heads/gone");
    request.socket.destroy();
  };
  const { report } = await runMirror(run, { http });
  expect(report).toMatchObject({ error: { code: "unreachable" } });
  const applied = report.refs.filter(({ outcome }) => outcome === "applied").map(({ ref }) => ref);
  expect(applied).toEqual(["refs/heads/gone"]);
  await expectNothingHalfShown(sides, run);
  sides.heal();
  expect((await runMirror(run, { http })).report.outcome).toBe("equal");
  await expectEqual(sides, run);
});

/** Runs `act` before the side serves its nth request for the service. */
function onNth(side: SideServer, service: RequestRecord["service"], nth: number, act: () => Promise<unknown>): void {
  let seen = 0;
  side.before = async (record) => {
    if (record.service === service && ++seen === nth) await act();
  };
}

function countPushes(): () => number {
  const before = sides.mirror.server.requests.length;
  return () => sides.mirror.server.requests.slice(before).filter(({ service }) => service === "receive-pack").length;
}
