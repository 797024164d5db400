// pkt-line framing: literal bytes, round trips in any chunking, lengths to accept and to refuse.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { latin1Bytes, latin1Text } from "../../src/wire/bytes.ts";
import {
  DELIMITER_PKT,
  encodeLines,
  encodePacket,
  FLUSH_PKT,
  PACKET_BYTES_MAX,
  type Packet,
  PacketDecoder,
} from "../../src/wire/pkt-line.ts";
import { cutRandomly, sizes } from "../model/arbitraries.ts";
import { codeOf, decodePackets } from "./decode.ts";

const payloads = fc.uint8Array({ maxLength: 60 });

describe("writing", () => {
  test.each([
    ["a\n", "0006a\n"],
    ["", "0004"],
    ["foobar\n", "000bfoobar\n"],
    ["ö in latin1 is one byte", "001bö in latin1 is one byte"],
  ])("%j is the pkt-line %j", (payload, wire) => {
    expect(latin1Text(encodePacket(payload))).toBe(wire);
    expect(latin1Text(encodeLines([payload]))).toBe(wire);
  });

  test("the special packets are four digits", () => {
    expect([latin1Text(FLUSH_PKT), latin1Text(DELIMITER_PKT)]).toEqual(["0000", "0001"]);
  });

  test("the largest packet has 65,520 bytes, and one byte more is refused before anything is written", () => {
    expect(PACKET_BYTES_MAX).toBe(65_520);
    expect(latin1Text(encodePacket("x".repeat(65_516))).slice(0, 4)).toBe("fff0");
    expect(latin1Text(encodeLines(["x".repeat(65_516)])).slice(0, 4)).toBe("fff0");
    expect(codeOf(() => encodePacket("x".repeat(65_517)))).toBe("internal");
    expect(codeOf(() => encodePacket(new Uint8Array(65_517)))).toBe("internal");
    expect(codeOf(() => encodeLines(["a", "x".repeat(65_517)]))).toBe("internal");
  });
});

describe("reading", () => {
  test("what was written comes back, however it is cut", () => {
    const packets: fc.Arbitrary<Packet> = fc.oneof(
      { weight: 4, arbitrary: payloads.map((payload): Packet => ({ kind: "data", payload: new Uint8Array(payload) })) },
      { weight: 1, arbitrary: fc.constantFrom<Packet>({ kind: "flush" }, { kind: "delimiter" }) },
    );
    fc.assert(
      fc.property(fc.array(packets, { maxLength: 12 }), sizes, (written, cuts) => {
        const bytes = Buffer.concat(
          written.map((packet) =>
            packet.kind === "data" ? encodePacket(packet.payload) : packet.kind === "flush" ? FLUSH_PKT : DELIMITER_PKT,
          ),
        );
        expect(decodePackets(cutRandomly(bytes, cuts))).toEqual(written);
      }),
    );
  });

  test("an end inside a packet is an error at every byte, and between packets none", () => {
    const bytes = latin1Bytes("0006a\n00000009line\n0001");
    const whole = [6, 10, 19, 23];
    for (let length = 0; length <= bytes.length; length++) {
      const expected = length === 0 || whole.includes(length) ? "none" : "malformed-answer";
      expect(
        codeOf(() => decodePackets([bytes.subarray(0, length)])),
        `cut at ${length}`,
      ).toBe(expected);
    }
  });

  test.each([
    ["0000", "flush"],
    ["0001", "delimiter"],
    ["0002", "response-end"],
    ["0004", "data"],
    ["000Aupper.", "data"],
    ["000aupper.", "data"],
    [`fff0${"x".repeat(65_516)}`, "data"],
    [`FFF0${"x".repeat(65_516)}`, "data"],
  ])("%j is a packet", (wire, kind) => {
    expect(decodePackets([latin1Bytes(wire)]).map((packet) => packet.kind)).toEqual([kind]);
  });

  test.each([
    "0003",
    "fff1",
    "ffff",
    "FFF1",
    "000g",
    "00 4",
    "-001",
    "+004",
    "0x04",
    "\n000",
    "<htm",
    "HTTP",
    "\0\0\0\0",
    "000\xff",
  ])("the length %j is refused as soon as its four bytes are there", (digits) => {
    const decoder = new PacketDecoder();
    decoder.push(latin1Bytes(digits.slice(0, 3)));
    expect(decoder.next()).toBeUndefined();
    decoder.push(latin1Bytes(digits.slice(3)));
    expect(codeOf(() => decoder.next())).toBe("malformed-answer");
  });

  test("the rest can be taken by a decoder that reads on, and nothing is left behind", () => {
    const decoder = new PacketDecoder();
    decoder.push(latin1Bytes("0006a\nrest"));
    expect(decoder.next()?.kind).toBe("data");
    expect(latin1Text(decoder.takeRest())).toBe("rest");
    expect(decoder.next()).toBeUndefined();
    decoder.end();
  });
});
