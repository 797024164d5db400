// What goes out, byte for byte: each request of a mirroring run with its method, address, headers and body.
import { describe, expect, test } from "vitest";
import type { Oid } from "../../src/model/oid.ts";
import type { RefName } from "../../src/model/ref.ts";
import type { RefUpdate } from "../../src/model/report.ts";
import { Secret } from "../../src/model/secret.ts";
import type { PushBody } from "../../src/remote/mirror.ts";
import { createRemoteMemory, openMirror, openSource } from "../../src/remote/open.ts";
import { concatBytes, latin1Bytes, latin1Text } from "../../src/wire/bytes.ts";
import { emptyPack } from "../../src/wire/pack.ts";
import { FLUSH_PKT } from "../../src/wire/pkt-line.ts";
import { encodeSideband } from "../../src/wire/sideband.ts";
import { type Answers, packets, serve, URL_OF_SIDE } from "./serve-bytes.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const ZERO = "0".repeat(40);
const AGENT = "gerrit-mirror/0.1";
const V2 = packets("version 2\n", "agent=git/2\n", "ls-refs\n", "fetch\n", "0000");
const LIST = packets(`${A} refs/heads/a\n`, "0000");
const REPORT = packets("unpack ok\n", "ok refs/heads/a\n", "0000");
const UPDATES: RefUpdate[] = [{ kind: "create", ref: "refs/heads/a" as RefName, new: B }];
const COMMANDS = `0079${ZERO} ${B} refs/heads/a\0 report-status agent=x0000`;
const FEATURES = { thin: true, ofsDelta: true, sideband: false, capabilities: ["report-status", "agent=x"] };

function openBoth(answers: Answers, memory = createRemoteMemory()) {
  const { http, sent } = serve(answers);
  const authorization = async () => new Secret("Basic abc");
  const source = openSource(http, { side: "source", url: URL_OF_SIDE, authorization }, memory);
  return { sent, source, mirror: openMirror(http, { side: "mirror", url: `${URL_OF_SIDE}/` }, memory) };
}

describe("the source", () => {
  test("is asked for its version, then for refs, then for a pack, each with the credential at once", async () => {
    const { sent, source } = openBoth({ uploadAdvertisement: [V2], uploadPack: [LIST] });
    await source.readRefs({ prefixes: ["refs/heads/a"], keep: () => true });
    await source.readRefs({ prefixes: [], keep: () => true });
    const common = { "git-protocol": "version=2", "user-agent": AGENT, authorization: "Basic abc" };
    const first = `0014command=ls-refs\n001cagent=${AGENT}\n0001000csymrefs\n001cref-prefix refs/heads/a\n0000`;
    const second = `0014command=ls-refs\n001cagent=${AGENT}\n0001000csymrefs\n0000`;
    const post = (body: string) => ({
      method: "POST",
      url: `${URL_OF_SIDE}/git-upload-pack`,
      headers: {
        ...common,
        accept: "application/x-git-upload-pack-result",
        "accept-encoding": "gzip",
        "content-type": "application/x-git-upload-pack-request",
        "content-length": String(body.length),
      },
      body,
    });
    expect(sent).toMatchObject([
      {
        method: "GET",
        url: `${URL_OF_SIDE}/info/refs?service=git-upload-pack`,
        headers: { ...common, accept: "*/*", "accept-encoding": "gzip" },
        body: "",
      },
      post(first),
      post(second),
    ]);
    expect(source.requests()).toBe(3);
  });

  test("is asked for a pack in the version that it speaks, uncompressed", async () => {
    const pack = concatBytes([encodeSideband(1, emptyPack()), FLUSH_PKT]);
    const wanted = { wants: [B], haves: [A], thin: false, ofsDelta: true };
    const v0 = packets(`${A} refs/heads/a\0side-band-64k ofs-delta\n`, "0000");
    const bodies = [
      [
        V2,
        "packfile\n",
        `0012command=fetch\n001cagent=${AGENT}\n00010010no-progress\n000eofs-delta\n0032want ${B}\n0032have ${A}\n0009done\n0000`,
        "version=2",
      ],
      [v0, "NAK\n", `004awant ${B} side-band-64k ofs-delta\n00000032have ${A}\n0009done\n`, undefined],
    ] as const;
    for (const [advertisement, preface, body, protocol] of bodies) {
      const memory = createRemoteMemory();
      const list = openBoth({ uploadAdvertisement: [advertisement], uploadPack: [LIST] }, memory);
      await list.source.readRefs({ prefixes: [], keep: () => true });
      const { sent, source } = openBoth({ uploadPack: [packets(preface), pack] }, memory);
      const got: Uint8Array[] = [];
      for await (const bytes of source.fetchPack(wanted)) got.push(bytes);
      expect(Buffer.concat(got)).toEqual(Buffer.from(emptyPack()));
      expect(sent.at(-1)?.body).toBe(body);
      expect(sent.at(-1)?.headers["accept-encoding"]).toBe("identity");
      expect(sent.at(-1)?.headers["git-protocol"]).toBe(protocol);
    }
  });

  test("gets no prefixes when there are more than git heeds, and what was not asked for is left out", async () => {
    const { sent, source } = openBoth({ uploadAdvertisement: [V2], uploadPack: [LIST] });
    const prefixes = Array.from({ length: 65_537 }, (_, index) => `refs/heads/${index}`);
    expect((await source.readRefs({ prefixes, keep: (name) => name === "refs/heads/0" })).refs.size).toBe(0);
    expect(sent.at(-1)?.body).not.toContain("ref-prefix");
    await source.readRefs({ prefixes: prefixes.slice(1), keep: () => true });
    expect(sent.at(-1)?.body.match(/ref-prefix/g)).toHaveLength(65_536);
  });
});

describe("the mirror", () => {
  const big = new Uint8Array(70_000);
  const bodies: [string, PushBody, string, number | undefined][] = [
    ["commands alone", { kind: "none" }, COMMANDS, COMMANDS.length],
    [
      "a small pack",
      { kind: "whole", parts: [latin1Bytes("PA"), latin1Bytes("CK")] },
      `${COMMANDS}PACK`,
      COMMANDS.length + 4,
    ],
    [
      "a pack held whole",
      { kind: "whole", parts: [big, latin1Bytes("end")] },
      `${COMMANDS}${latin1Text(big)}end`,
      COMMANDS.length + 70_003,
    ],
    ["a pack that streams", { kind: "stream", chunks: stream("PA", "CK") }, `${COMMANDS}PACK`, undefined],
  ];

  test.each(bodies)("gets %s, with the length where it is known", async (_name, body, text, length) => {
    const { sent, mirror } = openBoth({ receivePack: [REPORT] });
    const answer = await mirror.push(UPDATES, FEATURES, body);
    expect(answer).toEqual({ unpack: "ok", results: new Map([["refs/heads/a", { ok: true }]]), messages: "" });
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ method: "POST", url: `${URL_OF_SIDE}/git-receive-pack`, body: text });
    expect(sent[0]?.headers).toEqual({
      accept: "application/x-git-receive-pack-result",
      "accept-encoding": "identity",
      "content-type": "application/x-git-receive-pack-request",
      "user-agent": AGENT,
      ...(length === undefined ? {} : { "content-length": String(length) }),
    });
  });

  test("is asked for its features once, without a protocol version", async () => {
    const offer = packets(`${ZERO} capabilities^{}\0report-status ofs-delta\n`, "0000");
    const { sent, mirror } = openBoth({ receiveAdvertisement: [offer] });
    await mirror.readFeatures();
    await mirror.readFeatures();
    expect(sent.map(({ url }) => url)).toEqual([`${URL_OF_SIDE}/info/refs?service=git-receive-pack`]);
    expect(sent[0]?.headers).toEqual({ accept: "*/*", "accept-encoding": "gzip", "user-agent": AGENT });
  });
});

async function* stream(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield latin1Bytes(text);
}
