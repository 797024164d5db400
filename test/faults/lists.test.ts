// A list that is cut, empty or short never deletes: the mirror keeps every ref until the source says clearly that it is gone.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import { mirrorRepository } from "../../src/mirror-repository.ts";
import { deletionsDigest } from "../../src/plan/guard.ts";
import { splitPackets } from "../support/answer-transforms.ts";
import type { Service } from "../support/git-server.ts";
import { deleteRef, refsOf, updateRefs } from "../support/repositories.ts";
import {
  expectEqual,
  expectNothingHalfShown,
  expectUnmoved,
  type MirrorCase,
  requestOf,
  runMirror,
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

describe("a list that ends cleanly after any of its packets", () => {
  test.each([
    ["source", "ls-refs", 2],
    ["mirror", "ls-refs", 2],
    ["source", "upload-pack-advertisement", 0],
    ["mirror", "upload-pack-advertisement", 0],
  ] as const)("of the %s's %s (protocol v%i) moves nothing", async (side, on, version) => {
    const run = await sides.begin();
    for (const end of await packetEnds(run, side, on, version)) {
      sides[side].rules.push({ on, fault: { kind: "end", afterBytes: end }, times: Number.POSITIVE_INFINITY });
      const { report } = await runMirror(run, { http });
      expect({ end, code: report.error?.code }).toEqual({ end, code: "malformed-answer" });
      await expectUnmoved(sides, run);
      sides[side].rules.length = 0;
    }
    sides.heal();
    expect((await runMirror(run, { http })).report.outcome).toBe("equal");
    await expectEqual(sides, run);
  });
});

describe("a source that lists nothing", () => {
  test.each([
    ["in v2", "ls-refs", "0000"],
    [
      "in v0",
      "upload-pack-advertisement",
      `001e# service=git-upload-pack\n00000054${"0".repeat(40)} capabilities^{}\0side-band-64k ofs-delta0000`,
    ],
  ] as const)("%s holds every deletion, and the digest that it names approves them", async (_, on, body) => {
    const run = await sides.begin();
    sides.source.rules.push({ on, fault: { kind: "replace", body }, times: Number.POSITIVE_INFINITY });
    const { report } = await runMirror(run, { http });
    expect(report.error?.code, report.error?.message).toBe("guarded");
    expect(report.deletions).toMatchObject({ count: 5, held: true });
    expect(report.error?.remedy).toContain(report.deletions?.digest);
    await expectUnmoved(sides, run);
    // Another set than the one approved is not approved.
    const other = await mirrorRepository({ ...requestOf(run, { http }), allowDeletes: deletionsDigest([]) });
    expect(other.report.error?.code).toBe("guarded");
    await expectUnmoved(sides, run);
    const digest = report.deletions?.digest ?? "";
    const approved = await mirrorRepository({ ...requestOf(run, { http }), allowDeletes: digest });
    // The host itself keeps its default branch.
    expect(approved.report).toMatchObject({ outcome: "partial", error: { code: "rejected" } });
    expect([...(await refsOf(run.mirrorRepo)).keys()]).toEqual(["refs/heads/main", "refs/meta/config"]);
  });
});

test("a mass disappearance at the source is held while the rest goes on", async () => {
  const run = await sides.begin();
  const tip = run.old.get("refs/heads/same") ?? "";
  const lost = Array.from({ length: 5 }, (_, index) => `refs/heads/lost/${index}`);
  await updateRefs(
    run.mirrorRepo,
    lost.map((ref) => [ref, tip]),
  );
  const { report } = await runMirror(run, { http });
  expect(report).toMatchObject({ outcome: "partial", error: { code: "guarded" }, deletions: { count: 6, held: true } });
  const gone = [...lost, "refs/heads/gone"].sort();
  const shown = await refsOf(run.mirrorRepo);
  expect([...shown.keys()].filter((ref) => !run.next.has(ref))).toEqual(gone);
  for (const [ref, oid] of run.next) expect(shown.get(ref), ref).toBe(oid);
  expect(report.refs.filter(({ outcome }) => outcome === "held").map(({ ref }) => ref)).toEqual(gone);
});

test("a HEAD that points nowhere holds even a single deletion", async () => {
  const run = await sides.begin();
  await deleteRef(run.sourceRepo, "refs/heads/main");
  const { report } = await runMirror(run, { http });
  expect(report).toMatchObject({ outcome: "partial", error: { code: "guarded" }, deletions: { count: 2, held: true } });
  const shown = await refsOf(run.mirrorRepo);
  expect(shown.get("refs/heads/main")).toBe(run.old.get("refs/heads/main"));
  expect(shown.get("refs/heads/gone")).toBe(run.old.get("refs/heads/gone"));
  expect(shown.get("refs/heads/new/branch")).toBe(run.next.get("refs/heads/new/branch"));
});

/** Where each packet of the whole answer ends, but for the last (the flush-pkt); 0 is the empty answer. */
async function packetEnds(run: MirrorCase, side: "source" | "mirror", on: Service, version: number): Promise<number[]> {
  if (version === 0) {
    sides[side].before = async (_, { request }) => {
      delete request.headers["git-protocol"];
    };
  }
  const url = side === "source" ? run.sourceUrl : run.mirrorUrl;
  const answer =
    on === "ls-refs"
      ? await fetch(`${url}/git-upload-pack`, {
          method: "POST",
          headers: { "git-protocol": "version=2", "content-type": "application/x-git-upload-pack-request" },
          body: "0014command=ls-refs\n0001000csymrefs\n0014ref-prefix HEAD\n001bref-prefix refs/heads/\n001aref-prefix refs/tags/\n0000",
        })
      : await fetch(`${url}/info/refs?service=git-upload-pack`);
  const { packets, rest } = splitPackets(Buffer.from(await answer.arrayBuffer()));
  expect(rest).toHaveLength(0);
  expect(packets.length).toBeGreaterThan(3);
  const ends = [0];
  for (const packet of packets.slice(0, -2)) ends.push((ends.at(-1) ?? 0) + packet.length);
  await expectNothingHalfShown(sides, run);
  return [...ends, (ends.at(-1) ?? 0) + (packets.at(-2)?.length ?? 0)];
}
