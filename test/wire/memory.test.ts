// Memory does not grow with what streams by: packs, progress and reports of many megabytes leave a few chunks behind.
import { createHash } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import type { Oid } from "../../src/model/oid.ts";
import { createRemoteMemory } from "../../src/remote/open.ts";
import { concatBytes, latin1Bytes } from "../../src/wire/bytes.ts";
import { encodePackHeader } from "../../src/wire/pack.ts";
import { encodePacket, FLUSH_PKT } from "../../src/wire/pkt-line.ts";
import { encodeSideband, SIDEBAND_DATA_MAX } from "../../src/wire/sideband.ts";
import { packets, pushAndRead, readListedRefs, refusalOf, sourceOf, URL_OF_SIDE } from "./serve-bytes.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const MEGABYTE = 1024 * 1024;
/** A few chunks of 64 KiB, and what the runner itself does meanwhile. */
const GROWTH_MAX = 4 * MEGABYTE;

test("a pack of 50 MB passes through with a few chunks held", async () => {
  const memory = createRemoteMemory();
  memory.uploads.set(URL_OF_SIDE, { version: 2, capabilities: new Map() });
  const source = sourceOf({ uploadPack: bigPack(50 * MEGABYTE) }, memory);
  const watch = watchMemory();
  let bytes = 0;
  for await (const part of source.fetchPack({
    wants: ["a".repeat(40) as Oid],
    haves: [],
    thin: true,
    ofsDelta: true,
  })) {
    bytes += part.length;
    watch.look(bytes);
  }
  expect(bytes).toBeGreaterThan(50 * MEGABYTE);
  expect(watch.growth()).toBeLessThan(GROWTH_MAX);
});

test("50 MB of progress around a report leave 64 kB of messages, not the chunks that they came in", async () => {
  const watch = watchMemory();
  function* answer(): Generator<Uint8Array> {
    yield encodeSideband(1, packets("unpack ok\n", "0000"));
    for (let bytes = 0; bytes < 50 * MEGABYTE; bytes += 65_536) {
      // A small message in a large chunk, which must not be kept for its sake.
      yield ownMemory([encodeSideband(2, latin1Bytes("x".repeat(90)))], 65_536);
      watch.look(bytes);
    }
    yield FLUSH_PKT;
  }
  const { messages } = await pushAndRead(answer(), true);
  expect(messages.length).toBeLessThan(70_000);
  expect(messages.length).toBeGreaterThan(60_000);
  expect(watch.growth()).toBeLessThan(GROWTH_MAX);
});

test("a list of 300,000 refs of which few are kept holds those few", async () => {
  const watch = watchMemory();
  function* list(): Generator<Uint8Array> {
    for (let block = 0; block < 300; block++) {
      const lines = Array.from({ length: 1_000 }, (_, index) => `${"a".repeat(40)} refs/changes/${block}/${index}/1\n`);
      yield packets(...lines, `${"b".repeat(40)} refs/heads/${block}\n`);
      watch.look(block * 65_536);
    }
    yield packets("0000");
  }
  const keep = (name: string) => name.startsWith("refs/heads/");
  expect((await readListedRefs(list(), { prefixes: ["refs/"], keep })).refs.size).toBe(300);
  expect(watch.growth()).toBeLessThan(GROWTH_MAX);
});

test("a fatal error of 64 kB in small chunks costs some kilobytes", async () => {
  const watch = watchMemory();
  const fatal = encodePacket(`\x03${"x".repeat(65_000)}`);
  function* answer(): Generator<Uint8Array> {
    for (let offset = 0; offset < fatal.length; offset += 500) {
      yield ownMemory([fatal.subarray(offset, offset + 500)], MEGABYTE);
      watch.look(offset * 1_000);
    }
  }
  expect((await refusalOf(pushAndRead(answer(), true))).code).toBe("request-refused");
  expect(watch.growth()).toBeLessThan(GROWTH_MAX);
});

/** Each chunk is memory of its own, as a socket's is. */
function* bigPack(size: number): Generator<Uint8Array> {
  yield encodePacket("packfile\n");
  const hash = createHash("sha1");
  const header = encodePackHeader(1);
  hash.update(header);
  yield encodeSideband(1, header);
  const data = Buffer.alloc(SIDEBAND_DATA_MAX, 7);
  for (let bytes = 0; bytes < size; bytes += data.length) {
    hash.update(data);
    yield ownMemory([encodeSideband(1, data)]);
  }
  yield concatBytes([encodeSideband(1, hash.digest()), FLUSH_PKT]);
}

/** A Buffer that shares its memory with no other, as large as asked for though little of it is used. */
function ownMemory(parts: Uint8Array[], size = 0): Buffer {
  const bytes = concatBytes(parts);
  const own = Buffer.allocUnsafeSlow(Math.max(bytes.length, size));
  own.set(bytes);
  return own.subarray(0, bytes.length);
}

/** Looks at what is in use, after collecting garbage, every 8 MB that went by. */
function watchMemory(): { look: (bytes: number) => void; growth: () => number } {
  const used: number[] = [];
  let next = 0;
  return {
    look(bytes) {
      if (bytes < next) return;
      next = bytes + 8 * MEGABYTE;
      // Twice: the first frees the memory of arrays in the background, the second waits for it.
      collectGarbage();
      collectGarbage();
      const { heapUsed, external } = process.memoryUsage();
      used.push(heapUsed + external);
    },
    /** From the first look to the largest one after it. */
    growth() {
      return Math.max(...used) - (used[0] ?? 0);
    },
  };
}
