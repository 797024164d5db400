// Jobs on the queue: every job comes back as it was sent, and what is no job is refused with the field at fault.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JOB_REFS_MAX } from "../../src/contract.ts";
import { encodeJob, isDigest, type Job, type NamedRef, parseJob } from "../../src/model/job.ts";
import { isMirrorName, isRepositoryName } from "../../src/model/repository.ts";
import { codeOf } from "../wire/decode.ts";
import { oids, refNames } from "./arbitraries.ts";

const digests = fc.tuple(oids, oids).map(([one, other]) => (one + other).slice(0, 64));
const namedRefs: fc.Arbitrary<NamedRef> = fc.record(
  { ref: refNames, deleted: fc.boolean(), old: oids },
  { requiredKeys: ["ref", "deleted"] },
);
const jobs: fc.Arbitrary<Job> = fc.record(
  {
    mirror: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/).filter(isMirrorName),
    repository: fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }).filter(isRepositoryName),
    cause: fc.constantFrom<Job["cause"]>("event", "sweep", "replay", "manual"),
    refs: fc.array(namedRefs, { minLength: 1, maxLength: 5 }),
    eventAt: fc.nat(),
    allowDeletes: digests,
  },
  { requiredKeys: ["mirror", "repository", "cause"] },
);

const JOB = { mirror: "github", repository: "a/b", cause: "event" };
const REF = { ref: "refs/heads/a", deleted: false };

test("every job comes back as it was sent, in text that SQS takes", () => {
  fc.assert(
    fc.property(jobs, (job) => {
      const text = encodeJob(job);
      expect(parseJob(text)).toEqual(job);
      expect(text.isWellFormed()).toBe(true);
    }),
  );
});

test("fields of a newer version are dropped", () => {
  const text = JSON.stringify({ ...JOB, newer: 1, refs: [{ ...REF, newer: 1 }] });
  expect(parseJob(text)).toEqual({ ...JOB, refs: [REF] });
});

describe("refused, with the field at fault:", () => {
  test.each<[string, unknown, string]>([
    ["no mirror", { ...JOB, mirror: undefined }, "mirror"],
    ["a mirror's name of another kind", { ...JOB, mirror: "GitHub" }, "mirror"],
    ["no repository", { ...JOB, repository: undefined }, "repository"],
    ["a repository that climbs", { ...JOB, repository: "../etc" }, "repository"],
    ["no cause", { ...JOB, cause: undefined }, "cause"],
    ["a cause that is none", { ...JOB, cause: "push" }, "cause"],
    ["a time as text", { ...JOB, eventAt: "1" }, "eventAt"],
    ["a time with a fraction", { ...JOB, eventAt: 1.5 }, "eventAt"],
    ["null for a time", { ...JOB, eventAt: null }, "eventAt"],
    ["a digest that is too short", { ...JOB, allowDeletes: "a".repeat(63) }, "allowDeletes"],
    ["a digest in upper case", { ...JOB, allowDeletes: "A".repeat(64) }, "allowDeletes"],
    ["true for a digest", { ...JOB, allowDeletes: true }, "allowDeletes"],
    ["no refs in the list", { ...JOB, refs: [] }, "refs"],
    ["null for the refs", { ...JOB, refs: null }, "refs"],
    ["an object for the refs", { ...JOB, refs: { ref: "refs/heads/a" } }, "refs"],
    ["too many refs", { ...JOB, refs: Array(JOB_REFS_MAX + 1).fill(REF) }, "refs"],
    ["a ref as text", { ...JOB, refs: ["refs/heads/a"] }, "refs[].ref"],
    ["null for a ref", { ...JOB, refs: [null] }, "refs[].ref"],
    ["an illegal name", { ...JOB, refs: [{ ...REF, ref: "refs/heads/a..b" }] }, "refs[].ref"],
    ["a short name", { ...JOB, refs: [{ ...REF, ref: "main" }] }, "refs[].ref"],
    ["no word on deletion", { ...JOB, refs: [{ ref: REF.ref }] }, "refs[].deleted"],
    ["deletion as text", { ...JOB, refs: [{ ...REF, deleted: "true" }] }, "refs[].deleted"],
    ["a zero old value", { ...JOB, refs: [{ ...REF, old: "0".repeat(40) }] }, "refs[].old"],
    ["null for an old value", { ...JOB, refs: [{ ...REF, old: null }] }, "refs[].old"],
    ["a list", [JOB], "message"],
    ["null", null, "message"],
    ["a number", 1, "message"],
  ])("%s", (_name, value, field) => {
    expect(codeOf(() => parseJob(JSON.stringify(value)))).toBe("invalid-job");
    expect(() => parseJob(JSON.stringify(value))).toThrow(`field "${field}"`);
  });

  test("the largest list of refs is accepted", () => {
    const refs = Array.from({ length: JOB_REFS_MAX }, (_, index) => ({ ...REF, ref: `refs/heads/${index}` }));
    expect(parseJob(JSON.stringify({ ...JOB, refs })).refs).toHaveLength(JOB_REFS_MAX);
  });

  test("any other text, without another error and with a short message", () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(fc.constantFrom(...Object.keys(JOB), "refs"), fc.jsonValue()).map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(["invalid-job", "none"]).toContain(codeOf(() => parseJob(text)));
      }),
    );
    expect(() => parseJob(JSON.stringify({ ...JOB, cause: "x".repeat(10_000) }))).toThrow(/^.{0,300}$/);
  });
});

test.each([
  ["a".repeat(64), true],
  ["a".repeat(63), false],
  ["g".repeat(64), false],
  [`${"a".repeat(64)}\n`, false],
  ["", false],
])("%j is a digest: %s", (text, digest) => {
  expect(isDigest(text)).toBe(digest);
});
