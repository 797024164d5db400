// A pack's frame: the header, the empty pack, and a checker that no flipped bit, cut or addition passes in any chunking.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { latin1Bytes } from "../../src/wire/bytes.ts";
import { emptyPack, encodePackHeader, PackChecker, parsePackHeader } from "../../src/wire/pack.ts";
import { cutRandomly, sizes } from "../model/arbitraries.ts";
import { checkPack, codeOf } from "./decode.ts";

const packs = fc
  .tuple(fc.nat({ max: 0xffffffff }), fc.uint8Array({ maxLength: 120 }))
  .map(([objects, body]) => sealed(Buffer.concat([encodePackHeader(objects), body])));

describe("the header", () => {
  test("is PACK, version 2 and the count of objects, big-endian", () => {
    expect(Buffer.from(encodePackHeader(258)).toString("hex")).toBe("5041434b0000000200000102");
    fc.assert(
      fc.property(fc.nat({ max: 0xffffffff }), (objects) => {
        expect(parsePackHeader(encodePackHeader(objects))).toEqual({ objects });
      }),
    );
  });

  test("of version 3 is read, as git reads it", () => {
    expect(parsePackHeader(Buffer.from("5041434b0000000300000001", "hex"))).toEqual({ objects: 1 });
  });

  test.each([
    "",
    "5041434b00000002000001",
    "5041434b0000000100000000",
    "5041434b0000000400000000",
    "7061636b0000000200000000",
  ])("%j is refused", (hex) => {
    expect(codeOf(() => parsePackHeader(Buffer.from(hex, "hex")))).toBe("corrupt-pack");
  });
});

test("the empty pack has git's 32 bytes and passes", () => {
  expect(Buffer.from(emptyPack()).toString("hex")).toBe(
    "5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e",
  );
  expect(checkPack([emptyPack()])).toBe(32);
});

describe("the checker", () => {
  test("passes a right pack however it is cut, and counts its bytes", () => {
    fc.assert(
      fc.property(packs, sizes, (pack, cuts) => {
        expect(checkPack(cutRandomly(pack, cuts))).toBe(pack.length);
      }),
    );
  });

  test("refuses a pack with one bit flipped, wherever it is", () => {
    const pack = sealed(Buffer.concat([encodePackHeader(1), Buffer.from("some object")]));
    for (let bit = 0; bit < pack.length * 8; bit++) {
      const flipped = Buffer.from(pack);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      for (const cuts of [[], [1], [5, 21]]) {
        expect(
          codeOf(() => checkPack(cutRandomly(flipped, cuts))),
          `bit ${bit}`,
        ).toBe("corrupt-pack");
      }
    }
  });

  test("refuses a pack that is cut anywhere, or goes on behind its trailer", () => {
    fc.assert(
      fc.property(packs, sizes, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (pack, cuts, at) => {
        const cut = pack.subarray(0, Math.floor(pack.length * at));
        expect(codeOf(() => checkPack(cutRandomly(cut, cuts)))).toBe("corrupt-pack");
        expect(codeOf(() => checkPack([...cutRandomly(pack, cuts), Uint8Array.of(0)]))).toBe("corrupt-pack");
      }),
    );
  });

  test("refuses what is no pack as soon as twelve bytes came, before anything is passed on", () => {
    const checker = new PackChecker();
    checker.push(latin1Bytes("<html><body"));
    expect(codeOf(() => checker.push(latin1Bytes(">")))).toBe("corrupt-pack");
  });

  test("keeps copies of what it needs: the caller may use its buffer again", () => {
    const pack = Buffer.from(sealed(Buffer.concat([encodePackHeader(2), Buffer.alloc(100, 7)])));
    const checker = new PackChecker();
    const reused = Buffer.alloc(25);
    for (let offset = 0; offset < pack.length; offset += 25) {
      const size = pack.copy(reused, 0, offset, offset + 25);
      checker.push(reused.subarray(0, size));
    }
    checker.end();
  });
});

function sealed(pack: Uint8Array): Buffer {
  return Buffer.concat([pack, createHash("sha1").update(pack).digest()]);
}
