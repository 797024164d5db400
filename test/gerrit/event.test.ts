// What a webhook body says: every body recorded from a real Gerrit, shapes of other versions, and anything at all.
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MirrorError } from "../../src/errors.ts";
import { parseEvent } from "../../src/gerrit/event.ts";
import { refBytes } from "../../src/model/ref.ts";

const payloads = new URL("./payloads/", import.meta.url);
const files = readdirSync(payloads).filter((name) => name.endsWith(".json"));
const recorded = (file: string): Uint8Array =>
  Buffer.from(JSON.parse(readFileSync(new URL(file, payloads), "utf8")).body);
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

const ZEROS = "0".repeat(40);
const A = "a".repeat(40);
const B = "b".repeat(40);
const refUpdated = (update: object, rest: object = {}): Uint8Array =>
  bytes({
    refUpdate: { oldRev: A, newRev: B, refName: "refs/heads/main", project: "p", ...update },
    ...rest,
    type: "ref-updated",
  });
const batch = (refUpdates: unknown, rest: object = {}): Uint8Array =>
  bytes({ refUpdates, ...rest, type: "batch-ref-updated" });

describe("recorded bodies", () => {
  test.each(files)("%s is understood", (file) => {
    const event = parseEvent(recorded(file));
    const kind = /^(batch-)?ref-updated/.test(file) ? "refs" : file.startsWith("project-") ? "repository" : "ignored";
    expect(event.kind).toBe(kind);
    if (event.kind !== "ignored") expect(event.at).toBeGreaterThan(1_700_000_000_000);
    if (event.kind === "ignored") expect(event.type).toBe(file.split(".")[0]);
  });

  test("a creation has no old value, a deletion no new one, an update both", () => {
    const change = (file: string) => {
      const event = parseEvent(recorded(`ref-updated.${file}.json`));
      return event.kind === "refs" ? event.refs[0] : undefined;
    };
    expect(change("create")).toEqual({ ref: "refs/heads/master", new: "fbb1c129839aba8e7067195db1e36ce827254b41" });
    expect(Object.keys(change("delete") ?? {})).toEqual(["ref", "old"]);
    expect(Object.keys(change("update") ?? {})).toEqual(["ref", "old", "new"]);
  });

  test("a batch gives all its refs in order", () => {
    expect(parseEvent(recorded("batch-ref-updated.json"))).toMatchObject({
      repository: "ev/one",
      refs: [{ ref: "refs/heads/i1" }, { ref: "refs/heads/i2" }, { ref: "refs/tags/i3" }],
      at: 1795418329000,
    });
  });
});

describe("shapes of other versions", () => {
  test("the repository of a batch is a text, an object, or in its updates", () => {
    const update = { oldRev: A, newRev: B, refName: "refs/heads/x", project: "a/b c" };
    for (const rest of [{ projectName: "a/b c" }, { projectName: { name: "a/b c" } }, {}]) {
      expect(parseEvent(batch([update], rest))).toMatchObject({ kind: "refs", repository: "a/b c" });
    }
  });

  test("a trailing .git is no part of the name", () => {
    expect(parseEvent(refUpdated({ project: "a/b.git" }))).toMatchObject({ repository: "a/b" });
  });

  test("an unknown type is ignored by its name", () => {
    expect(parseEvent(bytes({ type: "ref-updated-v2", refUpdate: 7 }))).toEqual({
      kind: "ignored",
      type: "ref-updated-v2",
    });
  });

  test("a ref name is kept as its UTF-8 bytes", () => {
    expect(parseEvent(refUpdated({ refName: "refs/heads/grün" }))).toMatchObject({
      refs: [{ ref: refBytes("refs/heads/grün") }],
    });
  });

  test("what did not move, or has no full and legal name, is dropped and the rest stays", () => {
    const refs = [
      { oldRev: ZEROS, newRev: ZEROS, refName: "refs/heads/never" },
      { oldRev: A, newRev: A, refName: "refs/heads/same" },
      { oldRev: A, newRev: B, refName: "master" },
      { oldRev: A, newRev: B, refName: "refs/heads/a..b" },
      { oldRev: A, newRev: B, refName: "refs/heads/\ud800" },
      { oldRev: A, newRev: B, refName: "refs/heads/other", project: "q" },
    ];
    const good = { oldRev: ZEROS, newRev: B, refName: "refs/heads/good", project: "p" };
    expect(parseEvent(batch([...refs, good], { projectName: "p" }))).toMatchObject({
      refs: [{ ref: "refs/heads/good", new: B }],
    });
    expect(parseEvent(batch(refs, { projectName: "p" }))).toEqual({ kind: "ignored", type: "batch-ref-updated" });
    expect(parseEvent(batch([]))).toEqual({ kind: "ignored", type: "batch-ref-updated" });
  });

  test("an odd time or old value is left out", () => {
    for (const eventCreatedOn of [-1, 1.5, 1e300, "1700000000", null, {}]) {
      expect(parseEvent(refUpdated({ oldRev: 7 }, { eventCreatedOn }))).toEqual({
        kind: "refs",
        repository: "p",
        refs: [{ ref: "refs/heads/main", new: B }],
      });
    }
  });
});

describe("no event", () => {
  test.each<[string, Uint8Array]>([
    ["nothing", Buffer.from("")],
    ["no JSON", Buffer.from("refUpdate=1")],
    ["no UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["a list", bytes([])],
    ["a text", bytes("ref-updated")],
    ["no type", bytes({})],
    ["a type that is no text", bytes({ type: { name: "ref-updated" } })],
    ["a type as deep as the body may be", Buffer.from(`{"type":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)],
    ["no refUpdate", bytes({ type: "ref-updated" })],
    ["no project", refUpdated({ project: undefined })],
    ["a project that cannot be", refUpdated({ project: "../x" })],
    ["no ref", refUpdated({ refName: undefined })],
    ["no new value, which must not look like a deletion", refUpdated({ newRev: undefined })],
    ["a new value that is no oid", refUpdated({ newRev: "HEAD" })],
    ["updates that are no list", batch({})],
    ["a created project without a name", bytes({ type: "project-created" })],
  ])("%s is refused as `usage`", (_, body) => {
    expect(() => parseEvent(body)).toThrowError(expect.objectContaining({ name: "MirrorError", code: "usage" }));
  });
});

describe("anything", () => {
  const survives = (body: Uint8Array): void => {
    try {
      expect(parseEvent(body).kind).toMatch(/^(refs|repository|ignored)$/);
    } catch (error) {
      expect(error).toBeInstanceOf(MirrorError);
      expect(error).toHaveProperty("code", "usage");
    }
  };
  const oneOf = (...values: unknown[]) => fc.oneof(fc.constantFrom(...values), fc.jsonValue());

  test("any bytes are an event or `usage`", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survives), { numRuns: 300 });
  });

  test("any JSON is an event or `usage`", () => {
    fc.assert(
      fc.property(fc.json(), (text) => survives(Buffer.from(text))),
      { numRuns: 300 },
    );
  });

  test("any JSON in the places of an event's fields is an event or `usage`", () => {
    const update = fc.record(
      {
        oldRev: oneOf(A, ZEROS),
        newRev: oneOf(A, B, ZEROS),
        refName: oneOf("refs/heads/x", "x"),
        project: oneOf("p", "q.git"),
      },
      { requiredKeys: [] },
    );
    const event = fc.record(
      {
        type: oneOf("ref-updated", "batch-ref-updated", "project-created"),
        refUpdate: fc.oneof(update, fc.jsonValue()),
        refUpdates: fc.oneof(fc.array(update), fc.jsonValue()),
        projectName: oneOf("p", { name: "p" }),
        eventCreatedOn: oneOf(1_700_000_000),
      },
      { requiredKeys: ["type"] },
    );
    fc.assert(
      fc.property(event, (value) => survives(bytes(value))),
      { numRuns: 1000 },
    );
  });
});
