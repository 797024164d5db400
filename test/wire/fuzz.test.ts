// Whatever bytes come, a reader ends with a value or with a MirrorError of a known kind: no TypeError, no RangeError, no hang.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MirrorError } from "../../src/errors.ts";
import { concatBytes, latin1Bytes } from "../../src/wire/bytes.ts";
import { parseCapability, parseCapabilityWords } from "../../src/wire/capabilities.ts";
import { parseLsRefsLine } from "../../src/wire/ls-refs.ts";
import { parsePackHeader } from "../../src/wire/pack.ts";
import { encodePacket } from "../../src/wire/pkt-line.ts";
import { cutRandomly, sizes } from "../model/arbitraries.ts";
import {
  checkPack,
  codeOf,
  decodeAdvertisement,
  decodePackets,
  decodePreface,
  decodeReport,
  decodeSideband,
} from "./decode.ts";
import { RECORDED } from "./recorded-answers.ts";
import {
  chunks,
  fetchInto,
  fixture,
  fixtureNames,
  pushAndRead,
  readAdvertisedRefs,
  readListedRefs,
  readPushFeatures,
} from "./serve-bytes.ts";

const KNOWN = ["none", "malformed-answer", "corrupt-pack", "request-refused", "unsupported", "busy"];

/** Bytes that get past the first check more often than random ones: words of the protocol, framed or not. */
const words = fc.constantFrom(
  ...["# service=git-upload-pack\n", "version 2\n", "version 1\n", "ls-refs\n", "fetch=shallow\n", "unborn HEAD\n"],
  ...[
    "packfile\n",
    "acknowledgments\n",
    "NAK\n",
    "ready\n",
    "shallow \n",
    "PACK\0\0\0\x02\0\0\0\0",
    "\x01PACK",
    "\x02...",
  ],
  ...[
    "\x03no",
    "ERR no\n",
    "unpack ok\n",
    "ok refs/heads/a\n",
    "ng refs/heads/a no\n",
    "option \n",
    "capabilities^{}\0\n",
  ],
  ...[`${"a".repeat(40)} refs/heads/a\0ofs-delta\n`, `${"a".repeat(40)} HEAD symref-target:refs/heads/a\n`],
);
const pieces = fc.oneof(
  { weight: 4, arbitrary: words.map((word) => encodePacket(word)) },
  { weight: 2, arbitrary: fc.constantFrom("0000", "0001", "0002", "0003", "0004", "fff1", "000").map(latin1Bytes) },
  { weight: 1, arbitrary: words.map(latin1Bytes) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }) },
);
const streams = fc
  .tuple(fc.array(pieces, { maxLength: 12 }), sizes)
  .map(([parts, cuts]) => cutRandomly(concatBytes(parts), cuts));

describe("each decoder alone", () => {
  test.each<[string, (stream: Uint8Array[]) => unknown]>([
    ["pkt-line", decodePackets],
    ["side-band", decodeSideband],
    ["advertisement", decodeAdvertisement],
    ["fetch answer of v0", (stream) => decodePreface(stream, 0)],
    ["fetch answer of v2", (stream) => decodePreface(stream, 2)],
    ["report", (stream) => decodeReport(stream, 2)],
    ["pack", checkPack],
    ["ls-refs line", (stream) => parseLsRefsLine(Buffer.concat(stream))],
    ["pack header", (stream) => parsePackHeader(Buffer.concat(stream))],
    ["capability", (stream) => parseCapability(Buffer.concat(stream).toString("latin1"))],
    ["capability words", (stream) => parseCapabilityWords(Buffer.concat(stream).toString("latin1"))],
  ])("%s", (_name, decode) => {
    fc.assert(
      fc.property(streams, (stream) => {
        expect(KNOWN).toContain(codeOf(() => decode(stream)));
      }),
      { numRuns: 300 },
    );
  });
});

describe("each reader of production", () => {
  const readers: [string, (stream: Uint8Array[]) => Promise<unknown>][] = [
    ["refs of an advertisement", readAdvertisedRefs],
    ["refs of a list", (stream) => readListedRefs(stream)],
    ["push features", readPushFeatures],
    ["a pack of v0", (stream) => fetchInto([], stream, 0)],
    ["a pack of v2", (stream) => fetchInto([], stream, 2)],
    ["a report", (stream) => pushAndRead(stream, false)],
    ["a report in side-band", (stream) => pushAndRead(stream, true)],
  ];

  test.each(readers)("%s", async (_name, read) => {
    await fc.assert(
      fc.asyncProperty(streams, async (stream) => {
        expect(KNOWN).toContain(await codeOfPromise(read(stream)));
      }),
      { numRuns: 200 },
    );
  });

  test("any recorded answer with bytes changed, by the reader it belongs to", async () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...fixtureNames()),
        changes,
        fc.integer({ min: 1, max: 90 }),
        async (name, edits, size) => {
          const bytes = fixture(name);
          for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
          const reading = RECORDED[name]?.read(chunks(bytes, size), []) ?? Promise.reject(new Error(name));
          expect(KNOWN).toContain(await codeOfPromise(reading));
        },
      ),
      { numRuns: 800 },
    );
  });

  test("any recorded answer, by every reader", async () => {
    for (const name of fixtureNames()) {
      for (const [, read] of readers) expect(KNOWN).toContain(await codeOfPromise(read([fixture(name)])));
    }
  });
});

async function codeOfPromise(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: unknown) => {
      if (error instanceof MirrorError) return error.code;
      throw error;
    },
  );
}
