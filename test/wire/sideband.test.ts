// side-band-64k: round trips in any chunking, keep-alives, fatal errors anywhere, ERR packets, shapes to refuse.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MirrorError } from "../../src/errors.ts";
import { concatBytes, latin1Bytes, latin1Text } from "../../src/wire/bytes.ts";
import { encodePacket, FLUSH_PKT } from "../../src/wire/pkt-line.ts";
import { encodeSideband, SIDEBAND_DATA_MAX, SidebandDecoder } from "../../src/wire/sideband.ts";
import { cutRandomly, sizes } from "../model/arbitraries.ts";
import { codeOf, decodeSideband } from "./decode.ts";
import { packets } from "./serve-bytes.ts";

const DATA = encodeSideband(1, latin1Bytes("PACK"));

test("a packet is its length, its band and its data; long data goes into several", () => {
  expect(latin1Text(DATA)).toBe("0009\x01PACK");
  const long = encodeSideband(2, new Uint8Array(SIDEBAND_DATA_MAX + 3));
  expect(latin1Text(long.subarray(0, 5))).toBe("fff0\x02");
  expect(latin1Text(long.subarray(65_520, 65_525))).toBe("0008\x02");
  expect(encodeSideband(1, new Uint8Array(0))).toHaveLength(0);
});

test("bands 1 and 2 come apart as they were written, however the stream is cut", () => {
  const pieces = fc.array(fc.tuple(fc.constantFrom<1 | 2>(1, 2), fc.uint8Array({ maxLength: 50 })), { maxLength: 10 });
  fc.assert(
    fc.property(pieces, sizes, (written, cuts) => {
      const wire = concatBytes([...written.map(([band, data]) => encodeSideband(band, data)), FLUSH_PKT]);
      const joined = (band: number) => Buffer.concat(written.filter(([of]) => of === band).map(([, data]) => data));
      expect(decodeSideband(cutRandomly(wire, cuts))).toEqual({ data: joined(1), progress: joined(2), flushes: 1 });
    }),
  );
});

test("a stream that is cut anywhere has no end", () => {
  const wire = concatBytes([DATA, encodeSideband(2, latin1Bytes("50%\r")), packets("\x01"), DATA, FLUSH_PKT]);
  for (let length = 0; length < wire.length; length++) {
    expect(
      codeOf(() => decodeSideband([wire.subarray(0, length)])),
      `cut at ${length}`,
    ).toBe("malformed-answer");
  }
  expect(decodeSideband([wire])).toMatchObject({ data: Buffer.from("PACKPACK"), flushes: 1 });
});

test("packets without data, git's keep-alives, carry nothing", () => {
  const wire = concatBytes([packets("\x01", "\x02", "\x01"), DATA, packets("\x01"), FLUSH_PKT]);
  for (const size of [1, 2, wire.length]) {
    const { data, progress } = decodeSideband(cutRandomly(wire, [size]));
    expect([latin1Text(data), latin1Text(progress)]).toEqual(["PACK", ""]);
  }
});

describe("a fatal error", () => {
  test.each([
    ["band 3 first", packets("\x03no space left"), "no space left"],
    ["band 3 after data", concatBytes([DATA, packets("\x03no space left\n")]), "no space left"],
    ["band 3 after progress", packets("\x02working\n", "\x03no space left\n"), "no space left"],
    ["band 3 without a word", concatBytes([DATA, packets("\x03")]), ""],
    ["an ERR packet first", packets("ERR access denied\n"), "access denied"],
    ["an ERR packet after data", concatBytes([DATA, packets("ERR access denied")]), "access denied"],
    ["an ERR packet before the flush", concatBytes([DATA, packets("ERR access denied", "0000")]), "access denied"],
  ])("%s is refused with the server's words, in any chunking", (_name, wire, words) => {
    for (const size of [1, 2, 3, 7, wire.length]) {
      const error = errorOf(() => decodeSideband(cutRandomly(wire, [size])));
      expect(error).toMatchObject({ code: "request-refused", message: `The server said: ${words}` });
    }
  });

  test("its text is kept to some kilobytes, whatever the server writes", () => {
    const error = errorOf(() => decodeSideband(cutRandomly(packets(`\x03${"x".repeat(65_000)}`), [4_000])));
    expect(error.message.length).toBeLessThan(20_000);
    expect(error.message.length).toBeGreaterThan(8_000);
  });
});

describe("shapes to refuse", () => {
  test.each([
    ["an empty packet", "0004"],
    ["an empty packet before what looks like a band", "0004\x01PACK"],
    ["a delimiter", "0001"],
    ["a response-end", "0002"],
    ["the length 3", "0003"],
    ["a length beyond the largest", "fff1\x01"],
    ["band 0", "0006\x00x"],
    ["band 4", "0006\x04x"],
    ["a line without a band", "000eunpack ok\n"],
    ["a pack without side-band", "PACK\x00\x00\x00\x02"],
    ["a page of HTML", "<html><body>Sign in</body></html>"],
  ])("%s is refused, first and after data", (_name, text) => {
    for (const wire of [latin1Bytes(text), concatBytes([DATA, latin1Bytes(text)])]) {
      for (const size of [1, 3, wire.length]) {
        expect(codeOf(() => decodeSideband(cutRandomly(concatBytes([wire, FLUSH_PKT]), [size])))).toBe(
          "malformed-answer",
        );
      }
    }
  });

  test("bytes after the flush-pkt are refused, in the same chunk and in the next", () => {
    expect(codeOf(() => decodeSideband([concatBytes([DATA, FLUSH_PKT, Uint8Array.of(48)])]))).toBe("malformed-answer");
    expect(codeOf(() => decodeSideband([DATA, FLUSH_PKT, DATA]))).toBe("malformed-answer");
    expect(codeOf(() => decodeSideband([DATA, FLUSH_PKT, new Uint8Array(0)]))).toBe("none");
  });
});

test("data comes as views of the chunk that arrived, never as copies", () => {
  const wire = encodePacket(concatBytes([Uint8Array.of(1), new Uint8Array(1_000)]));
  const decoder = new SidebandDecoder();
  const buffers = [...decoder.decode(wire)].map((part) => (part.kind === "data" ? part.bytes.buffer : undefined));
  expect(buffers).toEqual([wire.buffer]);
});

function errorOf(act: () => unknown): MirrorError {
  try {
    act();
  } catch (error) {
    if (error instanceof MirrorError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown.");
}
