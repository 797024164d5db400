// Fetch: the requests' literal bytes, what may stand before a pack, refusals, and packs that must not be believed.
import { describe, expect, test } from "vitest";
import { MirrorError } from "../../src/errors.ts";
import type { Oid } from "../../src/model/oid.ts";
import { createRemoteMemory } from "../../src/remote/open.ts";
import { concatBytes, latin1Bytes, latin1Text } from "../../src/wire/bytes.ts";
import { encodeFetchRequest, encodeV0FetchRequest, refusal } from "../../src/wire/fetch.ts";
import { emptyPack } from "../../src/wire/pack.ts";
import { FLUSH_PKT } from "../../src/wire/pkt-line.ts";
import { encodeSideband } from "../../src/wire/sideband.ts";
import { codeOf, decodePreface } from "./decode.ts";
import { fetchInto, packets, refusalOf, sourceOf, URL_OF_SIDE } from "./serve-bytes.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const REQUEST = { wants: [A, B], haves: [B], thin: true, ofsDelta: true };
const PACK = concatBytes([encodeSideband(1, emptyPack()), FLUSH_PKT]);
const PACKFILE = packets("packfile\n");

describe("the v2 request", () => {
  test("says done at once, all wants before all haves", () => {
    expect(latin1Text(encodeFetchRequest(REQUEST))).toBe(
      `0012command=fetch\n00010010no-progress\n000ethin-pack\n000eofs-delta\n` +
        `0032want ${A}\n0032want ${B}\n0032have ${B}\n0009done\n0000`,
    );
  });

  test("leaves out what is not wanted, and names the agent where one is given", () => {
    const plain = { wants: [A], haves: [], thin: false, ofsDelta: false, agent: "x/1" };
    expect(latin1Text(encodeFetchRequest(plain))).toBe(
      `0012command=fetch\n000eagent=x/1\n00010010no-progress\n0032want ${A}\n0009done\n0000`,
    );
  });
});

describe("the v0 request", () => {
  const offered = (text: string) => new Map(text.split(" ").map((word) => [word, ""] as const));

  test("asks on its first want for what the server offers, and no more", () => {
    const all = offered("multi_ack thin-pack side-band side-band-64k ofs-delta no-progress agent");
    expect(latin1Text(encodeV0FetchRequest({ ...REQUEST, agent: "x/1" }, all))).toBe(
      `006awant ${A} side-band-64k no-progress thin-pack ofs-delta agent=x/1\n0032want ${B}\n0000` +
        `0032have ${B}\n0009done\n`,
    );
    expect(latin1Text(encodeV0FetchRequest({ ...REQUEST, haves: [], agent: "x/1" }, offered("side-band-64k")))).toBe(
      `0040want ${A} side-band-64k\n0032want ${B}\n00000009done\n`,
    );
  });

  test("cannot be made for a server without side-band-64k", () => {
    expect(codeOf(() => encodeV0FetchRequest(REQUEST, offered("side-band ofs-delta")))).toBe("unsupported");
  });
});

describe("before the pack", () => {
  test.each<[0 | 2, string, string[]]>([
    [2, "packfile at once", ["packfile\n"]],
    [2, "packfile without LF", ["packfile"]],
    [2, "acknowledgments and ready", ["acknowledgments\n", `ACK ${A}\n`, "ready\n", "0001", "packfile\n"]],
    [2, "wanted-refs", ["wanted-refs\n", `${A} refs/heads/a\n`, "0001", "packfile\n"]],
    [0, "NAK", ["NAK\n"]],
    [0, "ACK", [`ACK ${A}\n`]],
    [0, "common ones and the last ACK", [`ACK ${A} common\n`, `ACK ${A} ready\n`, `ACK ${A}\n`]],
  ])("v%i may say %s", async (version, _name, lines) => {
    expect(decodePreface([packets(...lines)], version)).toBe(true);
    const pack: Uint8Array[] = [];
    await fetchInto(pack, [packets(...lines), PACK], version);
    expect(Buffer.concat(pack)).toEqual(Buffer.from(emptyPack()));
  });

  test.each<[0 | 2, string, string[]]>([
    [2, "a flush-pkt", ["0000"]],
    [2, "acknowledgments alone", ["acknowledgments\n", "NAK\n", "0000"]],
    [2, "a delimiter first", ["0001", "packfile\n"]],
    [2, "a response-end", ["0002"]],
    [2, "v0's NAK", ["NAK\n"]],
    [2, "another section", ["packfile-uris\n"]],
    [2, "a pack without its section", ["\x01PACK"]],
    [0, "a flush-pkt", ["0000"]],
    [0, "v2's packfile", ["packfile\n"]],
    [0, "a pack without NAK", ["\x01PACK"]],
  ])("v%i cannot say %s", async (version, _name, lines) => {
    expect((await refusalOf(fetchInto([], [packets(...lines), PACK], version))).code).toBe("malformed-answer");
  });

  test.each<[0 | 2, string[]]>([
    [2, ["shallow-info\n", `shallow ${A}\n`, "0001", "packfile\n"]],
    [0, [`shallow ${A}\n`, "0000", "NAK\n"]],
  ])("v%i cannot bring a shallow history", async (version, lines) => {
    expect((await refusalOf(fetchInto([], [packets(...lines), PACK], version))).code).toBe("unsupported");
  });

  test("a section that never ends is broken off", async () => {
    function* endless(): Generator<Uint8Array> {
      yield packets("acknowledgments\n");
      for (;;) yield packets(...Array<string>(500).fill(`ACK ${A}\n`));
    }
    expect((await refusalOf(fetchInto([], endless(), 2))).code).toBe("malformed-answer");
  });
});

describe("a want that is gone is the everyday lost race, another refusal is not", () => {
  const cases: [string, string][] = [
    [`upload-pack: not our ref ${A}`, "busy"],
    [`want ${A} not valid`, "busy"],
    ["want something else", "request-refused"],
    ["access denied", "request-refused"],
  ];

  test.each(cases)("%s: %s", async (words, code) => {
    expect(refusal(words)).toBeInstanceOf(MirrorError);
    expect(refusal(words).code).toBe(code);
    const answers: [0 | 2, Uint8Array][] = [
      [2, packets(`ERR ${words}\n`)],
      [2, concatBytes([PACKFILE, packets(`ERR ${words}`)])],
      [2, concatBytes([PACKFILE, packets(`\x03${words}\n`)])],
      [2, concatBytes([PACKFILE, encodeSideband(1, emptyPack()), packets(`\x03${words}\n`)])],
      [0, packets(`ERR ${words}\n`)],
      [0, packets("NAK\n", `\x03${words}\n`)],
    ];
    for (const [version, wire] of answers) {
      const error = await refusalOf(fetchInto([], [wire], version));
      expect(error.code).toBe(code);
      expect(error.message).toContain(words);
    }
  });
});

describe("the pack", () => {
  const bad = Buffer.from(emptyPack());
  bad[31] = 0;

  test.each([
    ["whose checksum is wrong", concatBytes([encodeSideband(1, bad), FLUSH_PKT]), "corrupt-pack"],
    [
      "that is no pack",
      concatBytes([encodeSideband(1, latin1Bytes("<html><body></body>")), FLUSH_PKT]),
      "corrupt-pack",
    ],
    ["that is missing", FLUSH_PKT, "corrupt-pack"],
    [
      "cut inside, with a proper end of the side-band",
      concatBytes([encodeSideband(1, bad.subarray(0, 20)), FLUSH_PKT]),
      "corrupt-pack",
    ],
    ["whole, but without the side-band's flush-pkt", encodeSideband(1, emptyPack()), "malformed-answer"],
    ["with bytes after its end", concatBytes([PACK, Uint8Array.of(0)]), "malformed-answer"],
  ])("%s is refused", async (_name, wire, code) => {
    for (const pieces of [[concatBytes([PACKFILE, wire])], [PACKFILE, wire]]) {
      expect((await refusalOf(fetchInto([], pieces, 2))).code).toBe(code);
    }
  });

  test("may come with progress between, which is left out", async () => {
    const pack: Uint8Array[] = [];
    const progress = encodeSideband(2, latin1Bytes("Counting objects: 1\r"));
    const parts = [...emptyPack()].map((byte) => encodeSideband(1, Uint8Array.of(byte)));
    await fetchInto(pack, [PACKFILE, progress, ...parts, progress, FLUSH_PKT], 2);
    expect(Buffer.concat(pack)).toEqual(Buffer.from(emptyPack()));
  });

  test("that was refused makes the server's features forgotten, a lost race does not", async () => {
    const memory = createRemoteMemory();
    const fetchWith = (wire: Uint8Array) => {
      memory.uploads.set(URL_OF_SIDE, { version: 2, capabilities: new Map() });
      return refusalOf(
        sourceOf({ uploadPack: [wire] }, memory)
          .fetchPack({ ...REQUEST })
          .next(),
      );
    };
    await fetchWith(packets(`ERR want ${A} not valid`));
    expect(memory.uploads.get(URL_OF_SIDE)).toBeDefined();
    await fetchWith(packets("ERR access denied"));
    expect(memory.uploads.get(URL_OF_SIDE)).toBeUndefined();
  });
});
