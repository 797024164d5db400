// Advertisements of v0, v1 and v2: round trips, JGit's and other hosts' quirks, and shapes to refuse.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRemoteMemory, openSource } from "../../src/remote/open.ts";
import { encodeV0Advertisement, encodeV2Advertisement } from "../../src/wire/advertisement.ts";
import { concatBytes, latin1Bytes } from "../../src/wire/bytes.ts";
import { cutRandomly, oids, refNames, sizes } from "../model/arbitraries.ts";
import { decodeAdvertisement } from "./decode.ts";
import {
  mirrorOf,
  packets,
  readAdvertisedRefs,
  readPushFeatures,
  refusalOf,
  serve,
  sourceOf,
  URL_OF_SIDE,
} from "./serve-bytes.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const ZERO = "0".repeat(40);
const SERVICE = "# service=git-upload-pack\n";
const ONE = { refs: new Map([["refs/heads/a", A]]), symbolic: new Set() };
const NONE = { refs: new Map(), symbolic: new Set() };

const words = fc.string({ unit: fc.constantFrom(..."abc-/.0"), minLength: 1, maxLength: 8 });
const capabilities = fc
  .uniqueArray(fc.tuple(words, fc.oneof(fc.constant(""), words)), { selector: ([name]) => name, maxLength: 6 })
  .map((entries) => new Map(entries));

describe("round trips, however the bytes are cut", () => {
  test("v2's capabilities", () => {
    fc.assert(
      fc.property(capabilities, sizes, (offered, cuts) => {
        const { decoder, refs } = decodeAdvertisement(cutRandomly(encodeV2Advertisement(offered), cuts));
        expect([decoder.version, decoder.capabilities, decoder.done, refs]).toEqual([2, offered, true, []]);
      }),
    );
  });

  test("v0's refs and capabilities, for both services", () => {
    const refs = fc.array(fc.record({ name: refNames, oid: oids }), { maxLength: 6 });
    const services = fc.constantFrom<"git-upload-pack" | "git-receive-pack">("git-upload-pack", "git-receive-pack");
    fc.assert(
      fc.property(services, refs, capabilities, sizes, (service, written, offered, cuts) => {
        const bytes = encodeV0Advertisement(service, written, offered);
        const read = decodeAdvertisement(cutRandomly(bytes, cuts));
        expect([read.decoder.version, read.decoder.capabilities, read.decoder.done]).toEqual([0, offered, true]);
        expect(read.refs).toEqual(written);
      }),
    );
  });
});

describe("accepted", () => {
  test.each([
    ["git's v0", packets(SERVICE, "0000", `${A} refs/heads/a\0ofs-delta\n`, "0000"), ONE],
    ["v0 without the service line", packets(`${A} refs/heads/a\0ofs-delta\n`, "0000"), ONE],
    ["v0 without the flush-pkt behind it", packets(SERVICE, `${A} refs/heads/a\0ofs-delta\n`, "0000"), ONE],
    ["v0 without LF", packets(SERVICE.trim(), "0000", `${A} refs/heads/a\0ofs-delta`, "0000"), ONE],
    ["v0 without capabilities behind the NUL", packets(`${A} refs/heads/a\0`, "0000"), ONE],
    ["JGit's spaces around capabilities", packets(`${A} refs/heads/a\0 ofs-delta  thin-pack \n`, "0000"), ONE],
    ["version 1", packets(SERVICE, "0000", "version 1\n", `${A} refs/heads/a\0x\n`, "0000"), ONE],
    ["peeled values", packets(`${A} refs/heads/a\0x\n`, `${B} refs/heads/a^{}\n`, "0000"), ONE],
    ["an empty repository of git", packets(SERVICE, "0000", "0000"), NONE],
    ["an empty repository without the service line", packets("0000"), NONE],
    ["an empty repository of JGit", packets(SERVICE, "0000", `${ZERO} capabilities^{}\0 ofs-delta\n`, "0000"), NONE],
    ["an empty repository of version 1", packets(SERVICE, "0000", "version 1\n", "0000"), NONE],
    ["refs of other repositories", packets(`${B} .have\0x\n`, `${A} refs/heads/a\n`, `${B} .have\n`, "0000"), ONE],
  ])("%s", async (_name, wire, list) => {
    expect(await readAdvertisedRefs([wire])).toEqual(list);
  });

  test.each([
    ["with LF", packets("version 2\n", "agent=git/2.39.5\n", "ls-refs=unborn\n", "fetch=shallow filter\n", "0000")],
    ["without LF, as JGit writes it", packets("version 2", "agent=git/2.39.5", "ls-refs", "fetch=shallow", "0000")],
    ["behind the service line", packets(SERVICE, "0000", "version 2\n", "agent=x\n", "ls-refs\n", "fetch\n", "0000")],
  ])("v2 %s, and then asks with ls-refs", async (_name, wire) => {
    const { http, sent } = serve({ uploadAdvertisement: [wire], uploadPack: [packets("0000")] });
    const source = openSource(http, { side: "source", url: URL_OF_SIDE }, createRemoteMemory());
    expect(await source.readRefs({ prefixes: ["HEAD"], keep: () => true })).toEqual(NONE);
    expect(sent.map(({ method }) => method)).toEqual(["GET", "POST"]);
  });
});

describe("refused", () => {
  const first = `${A} refs/heads/a\0ofs-delta\n`;

  test.each([
    ["nothing at all", packets()],
    ["only the service line", packets(SERVICE)],
    ["the service line and its flush-pkt alone", packets(SERVICE, "0000")],
    ["no flush-pkt", packets(first)],
    ["a delimiter", packets(first, "0001", "0000")],
    ["a response-end", packets(first, "0002")],
    ["an empty packet", concatBytes([packets(first), latin1Bytes("0004"), packets("0000")])],
    ["a first ref without NUL", packets(`${A} refs/heads/a\n`, "0000")],
    ["a NUL in a later name", packets(first, `${B} refs/heads/b\0x\n`, "0000")],
    ["a space in a name", packets(first, `${B} refs/heads/b c\n`, "0000")],
    ["no name", packets(first, `${B} \n`, "0000")],
    ["a tab for the space", packets(first, `${B}\trefs/heads/b\n`, "0000")],
    ["an upper-case oid", packets(first, `${B.toUpperCase()} refs/heads/b\n`, "0000")],
    ["a zero oid", packets(first, `${ZERO} refs/heads/b\n`, "0000")],
    ["a short oid", packets(first, `${B.slice(1)} refs/heads/b\n`, "0000")],
    ["two service lines", packets(SERVICE, SERVICE, "0000", first, "0000")],
    ["version 3", packets("version 3\n", "0000")],
    ["a second flush-pkt", packets(first, "0000", "0000")],
    ["refs after the flush-pkt", packets(first, "0000", `${B} refs/heads/b\n`)],
    ["a page of HTML", latin1Bytes("<!DOCTYPE html><title>Sign in</title>")],
    ["a v2 list that ends without its flush-pkt", packets("version 2\n", "ls-refs\n", "fetch\n")],
    ["a v2 list with a delimiter", packets("version 2\n", "ls-refs\n", "0001", "0000")],
    ["thousands of capabilities in v2", packets("version 2\n", ...Array<string>(1_000).fill("x\n"), "0000")],
    ["thousands of capabilities in v0", packets(`${A} refs/heads/a\0${"x ".repeat(1_000)}\n`, "0000")],
  ])("%s", async (_name, wire) => {
    const error = await refusalOf(readAdvertisedRefs([wire]));
    expect([error.code, error.side]).toEqual(["malformed-answer", "source"]);
  });

  test.each([
    ["first", packets("ERR some/project unavailable")],
    ["behind the service line", packets(SERVICE, "0000", "ERR some/project unavailable\n", "0000")],
    ["after refs", packets(first, "ERR some/project unavailable\n", "0000")],
    ["after v2's capabilities", packets("version 2\n", "ls-refs\n", "ERR some/project unavailable")],
  ])("an ERR packet %s, with the server's words", async (_name, wire) => {
    for (const reading of [readAdvertisedRefs([wire]), readPushFeatures([wire])]) {
      const error = await refusalOf(reading);
      expect(error.code).toBe("request-refused");
      expect(error.message).toContain("The server said: some/project unavailable");
    }
  });

  test.each([
    ["sha256 in v2", packets("version 2\n", "ls-refs\n", "fetch\n", "object-format=sha256\n", "0000")],
    ["sha256 in v0", packets(`${"a".repeat(64)} refs/heads/a\0object-format=sha256\n`, "0000")],
    [
      "sha256 in v0 of an empty repository",
      packets(`${"0".repeat(64)} capabilities^{}\0object-format=sha256\n`, "0000"),
    ],
    ["a shallow history", packets(first, `shallow ${A}\n`, "0000")],
    ["v2 without fetch", packets("version 2\n", "ls-refs\n", "0000")],
    ["v2 without ls-refs", packets("version 2\n", "fetch\n", "0000")],
  ])("%s, as what cannot be mirrored", async (_name, wire) => {
    expect((await refusalOf(readAdvertisedRefs([wire]))).code).toBe("unsupported");
  });
});

describe("receive-pack's features", () => {
  const offer = (offered: string) => packets(`${ZERO} capabilities^{}\0${offered}\n`, "0000");

  test.each([
    ["report-status", { thin: true, ofsDelta: false, sideband: false, capabilities: ["report-status"] }],
    [
      "report-status no-thin ofs-delta",
      { thin: false, ofsDelta: true, sideband: false, capabilities: ["report-status"] },
    ],
    [
      "report-status report-status-v2",
      { thin: true, ofsDelta: false, sideband: false, capabilities: ["report-status-v2"] },
    ],
    [
      "atomic push-options report-status delete-refs",
      { thin: true, ofsDelta: false, sideband: false, capabilities: ["report-status"] },
    ],
    [
      "report-status side-band-64k agent=x",
      {
        thin: true,
        ofsDelta: false,
        sideband: true,
        capabilities: ["report-status", "side-band-64k", "agent=gerrit-mirror/0.1"],
      },
    ],
  ])("of %j", async (offered, features) => {
    expect(await readPushFeatures([offer(offered)])).toEqual(features);
  });

  test.each(["", "ofs-delta", "report-status object-format=sha256"])("%j cannot be pushed to", async (offered) => {
    expect((await refusalOf(readPushFeatures([offer(offered)]))).code).toBe("unsupported");
  });

  test("of a long advertisement are read from its first 64 KiB, and the rest is cut off", async () => {
    let served = 0;
    const lines = packets(...Array.from({ length: 100 }, (_, index) => `${A} refs/heads/${index}\n`));
    function* endless(): Generator<Uint8Array> {
      yield packets(`${A} refs/heads/main\0report-status\n`);
      for (;;) {
        served += lines.length;
        yield lines;
      }
    }
    expect((await mirrorOf({ receiveAdvertisement: endless() }).readFeatures()).capabilities).toEqual([
      "report-status",
    ]);
    expect(served).toBeLessThan(80 * 1024);
  });
});

test("a server's version is asked anew after an answer that was cut, and remembered after one that was whole", async () => {
  const memory = createRemoteMemory();
  const wire = packets("version 2\n", "ls-refs\n", "fetch\n", "0000");
  const everything = { prefixes: ["refs/"], keep: () => true };
  await sourceOf({ uploadAdvertisement: [wire], uploadPack: [packets("0000")] }, memory).readRefs(everything);
  const known = sourceOf({ uploadPack: [packets(`${A} refs/heads/a\n`, "0000")] }, memory);
  expect(await known.readRefs(everything)).toEqual(ONE);
  await refusalOf(sourceOf({ uploadPack: [packets(`${A} refs/heads/a\n`)] }, memory).readRefs(everything));
  expect(memory.uploads.get(URL_OF_SIDE)).toBeUndefined();
});
