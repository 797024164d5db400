// The webhook's answers and jobs: what is queued for which lane, what is ignored, what is refused, and what happens when SQS refuses.
import { readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JOB_REFS_MAX, METRICS, WEBHOOK_BODY_BYTES_MAX } from "../src/contract.ts";
import { parseJob } from "../src/model/job.ts";
import { receiveEvent } from "../src/receive-event.ts";
import {
  A,
  B,
  batch,
  C,
  created,
  payloads,
  post,
  recorded,
  refUpdated,
  SECRET,
  site,
  update,
  world,
  ZEROS,
} from "./support/webhook-world.ts";

describe("jobs", () => {
  test("each lane that carries the ref gets one job, with a deduplication id of its own", async () => {
    const { ports, jobs, metrics, logs } = world();
    expect(await receiveEvent(post(created), ports)).toEqual({ status: 200, body: '{"queued":["github","backup"]}' });
    const job = {
      repository: "ev/one",
      cause: "event",
      eventAt: 1_795_417_065_000,
      refs: [{ ref: "refs/heads/master", deleted: false }],
    };
    expect(jobs.map((sent) => sent.job)).toEqual([
      { mirror: "github", ...job },
      { mirror: "backup", ...job },
    ]);
    expect(metrics).toEqual([`${METRICS.eventsQueued} 1 Count github`, `${METRICS.eventsQueued} 1 Count backup`]);
    expect(logs).toEqual([
      {
        level: "info",
        message: "event queued",
        fields: {
          repository: "ev/one",
          mirrors: ["github", "backup"],
          refs: ["refs/heads/master"],
          refCount: 1,
          ageMs: 35_000,
        },
      },
    ]);
    await receiveEvent(post(created), ports);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(4);
  });

  test("a lane gets only the refs that it manages, and none of a repository that it skips", async () => {
    const { ports, jobs } = world();
    await receiveEvent(post(batch([update("refs/heads/x"), update("refs/meta/config")])), ports);
    expect(jobs.map(({ job }) => [job.mirror, job.refs?.map(({ ref }) => ref)])).toEqual([
      ["github", ["refs/heads/x"]],
      ["backup", ["refs/heads/x", "refs/meta/config"]],
    ]);
    jobs.length = 0;
    await receiveEvent(post(refUpdated("refs/heads/x", { project: "private/p" })), ports);
    expect(jobs.map(({ job }) => job.mirror)).toEqual(["github"]);
  });

  test("zeros announce a deletion; an update and a deletion carry the old value", async () => {
    const { ports, jobs } = world();
    await receiveEvent(post(batch([update("refs/heads/gone", { newRev: ZEROS }), update("refs/heads/moved")])), ports);
    expect(jobs[0]?.job.refs).toEqual([
      { ref: "refs/heads/gone", deleted: true, old: A },
      { ref: "refs/heads/moved", deleted: false, old: A },
    ]);
  });

  test("several updates of one ref become one entry that says what the last one said", async () => {
    const { ports, jobs } = world();
    const twice = [update("refs/heads/x"), update("refs/heads/x", { oldRev: B, newRev: ZEROS })];
    await receiveEvent(post(batch(twice)), ports);
    await receiveEvent(post(batch([...twice, update("refs/heads/x", { oldRev: ZEROS, newRev: C })])), ports);
    expect(jobs.filter(({ job }) => job.mirror === "github").map(({ job }) => job.refs)).toEqual([
      [{ ref: "refs/heads/x", deleted: true, old: B }],
      [{ ref: "refs/heads/x", deleted: false }],
    ]);
  });

  test(`more than ${JOB_REFS_MAX} refs make a job for the whole repository`, async () => {
    const { ports, jobs } = world();
    const updates = Array.from({ length: JOB_REFS_MAX + 1 }, (_, i) => update(`refs/heads/b${i}`));
    await receiveEvent(post(batch(updates.slice(1))), ports);
    await receiveEvent(post(batch(updates)), ports);
    expect(jobs.filter(({ job }) => job.mirror === "github").map(({ job }) => job.refs?.length)).toEqual([
      JOB_REFS_MAX,
      undefined,
    ]);
  });

  test.each([
    ["project-created.json", "ev/two"],
    ["project-head-updated.json", "ev/one"],
  ])("%s makes jobs for the whole repository", async (file, repository) => {
    const { ports, jobs } = world();
    expect((await receiveEvent(post(recorded(file)), ports)).status).toBe(200);
    expect(jobs.map(({ job }) => [job.mirror, job.repository, job.refs])).toEqual([
      ["github", repository, undefined],
      ["backup", repository, undefined],
    ]);
  });
});

describe("ignored events", () => {
  test.each<[string, object | Uint8Array, string]>([
    ["a change's ref", recorded("ref-updated.change-patchset.json"), "refs/changes/21/21/1"],
    ["another type", recorded("patchset-created.json"), "patchset-created"],
    [
      "several refs",
      batch([update("refs/changes/01/1/1"), update("refs/changes/01/1/meta")]),
      "refs/changes/01/1/1 and 1 more",
    ],
    ["a repository of no mirror", refUpdated("refs/heads/x", { project: "other" }), "other"],
  ])("%s: 200, and after the secret no port is asked but one counter", async (_, body, what) => {
    const config = site({ secret: "hook" }, { repositories: ["ev/*"], refs: ["refs/heads/*"] });
    const { ports, jobs, reads, metrics, logs } = world({
      config: { ...config, mirrors: config.mirrors.filter(({ name }) => name === "github") },
    });
    const answer = await receiveEvent(post(body), ports);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({ ignored: what, reason: expect.any(String) });
    expect({ jobs, reads, metrics, logs }).toEqual({
      jobs: [],
      reads: ["hook"],
      metrics: [`${METRICS.eventsIgnored} 1 Count`],
      logs: [],
    });
  });

  test("every recorded body is answered 200", async () => {
    const { ports } = world();
    for (const file of readdirSync(payloads).filter((name) => name.endsWith(".json"))) {
      expect([file, (await receiveEvent(post(recorded(file)), ports)).status]).toEqual([file, 200]);
    }
  });
});

describe("refusals", () => {
  test.each([
    ["GET", `/webhook/${SECRET}`, 405],
    ["PUT", "/webhook", 405],
    ["POST", "/", 404],
    ["POST", `/webhooks/${SECRET}`, 404],
    ["GET", "/favicon.ico", 404],
  ])("%s %s is %i, without a log line", async (method, path, status) => {
    const { ports, reads, logs } = world();
    expect((await receiveEvent(post(created, { method, path }), ports)).status).toBe(status);
    expect({ reads, logs }).toEqual({ reads: [], logs: [] });
  });

  test("the largest body is taken, one byte more is 413, whether said or sent", async () => {
    const padded = (length: number) => Buffer.concat([created, Buffer.alloc(length - created.length, " ")]);
    const { ports, reads } = world();
    expect((await receiveEvent(post(padded(WEBHOOK_BODY_BYTES_MAX)), ports)).status).toBe(200);
    reads.length = 0;
    const said = { headers: { "content-length": String(WEBHOOK_BODY_BYTES_MAX + 1) } };
    expect((await receiveEvent(post(created, said), ports)).status).toBe(413);
    const lying = { headers: { "content-length": "5" } };
    expect((await receiveEvent(post(padded(WEBHOOK_BODY_BYTES_MAX + 1), lying), ports)).status).toBe(413);
    expect(reads).toEqual([]);
  });

  test.each([
    ["192.0.2.7", 200],
    ["::ffff:192.0.2.7", 200],
    ["198.51.100.200", 200],
    ["2001:db8::5", 200],
    ["192.0.2.8", 403],
    ["198.51.101.1", 403],
    ["2001:db9::5", 403],
    ["nonsense", 403],
    [undefined, 403],
  ])("with a list of source addresses, %s is %i", async (sourceAddress, status) => {
    const sourceAddresses = ["192.0.2.7", "198.51.100.0/24", "2001:db8::/32"];
    const { ports } = world({ config: site({ secret: "hook", sourceAddresses }) });
    const request = post(created, sourceAddress === undefined ? {} : { sourceAddress });
    expect((await receiveEvent(request, ports)).status).toBe(status);
  });

  test("what is no event is 400 and says why, but only to who knows the secret", async () => {
    const { ports, logs } = world();
    const answer = await receiveEvent(post({ type: 7 }), ports);
    expect(answer).toEqual({ status: 400, body: expect.stringContaining('field \\"type\\" is 7') });
    expect(logs).toMatchObject([{ level: "warn", fields: { status: 400 } }]);
    expect((await receiveEvent(post({ type: 7 }, { path: "/webhook/x" }), ports)).status).toBe(401);
  });

  test("a lane that refuses makes it 429, and the other lanes still get their jobs", async () => {
    const { ports, jobs, metrics, logs } = world({ refusing: ["github"] });
    expect((await receiveEvent(post(created), ports)).status).toBe(429);
    expect(jobs.map(({ job }) => job.mirror)).toEqual(["backup"]);
    expect(metrics).toEqual([`${METRICS.eventsQueued} 1 Count backup`, `${METRICS.eventsRefused} 1 Count`]);
    expect(logs.at(-1)).toMatchObject({
      level: "warn",
      fields: { reason: expect.stringContaining("SQS refused for github") },
    });
  });
});

test("whatever is posted, the answer is JSON with a status that design 4 names, and each job can be read by a worker", async () => {
  const { ports, jobs } = world();
  const field = (...values: unknown[]) => fc.oneof(fc.constantFrom(...values), fc.jsonValue());
  const anyUpdate = fc.record({
    oldRev: field(A, ZEROS),
    newRev: field(B, ZEROS),
    refName: fc.oneof(
      fc.string({ unit: "binary" }).map((name) => `refs/heads/${name}`),
      field("refs/tags/x"),
    ),
    project: field("p"),
  });
  const event = fc.record({
    type: fc.constant("batch-ref-updated"),
    refUpdates: fc.array(anyUpdate),
    projectName: field("p"),
  });
  const certain = {
    type: "batch-ref-updated",
    refUpdates: [{ oldRev: A, newRev: B, refName: "refs/heads/x", project: "p" }],
    projectName: "p",
  };
  const body = fc.oneof(
    fc.uint8Array(),
    fc.json().map((text) => Buffer.from(text)),
    event.map((value) => Buffer.from(JSON.stringify(value))),
  );
  await fc.assert(
    fc.asyncProperty(body, async (bytes) => {
      const answer = await receiveEvent(post(bytes), ports);
      expect([200, 400]).toContain(answer.status);
      expect(JSON.parse(answer.body)).toBeTypeOf("object");
    }),
    // The example makes a job for certain; chance alone may make none in 500 posts.
    { numRuns: 500, examples: [[Buffer.from(JSON.stringify(certain))]] },
  );
  expect(jobs.length).toBeGreaterThan(0);
  for (const { job } of jobs) expect(parseJob(JSON.stringify(job))).toEqual(job);
});
