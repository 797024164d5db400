// The question whether a source knows any of a mirror's values: its literal bytes, and what each answer means.
import { describe, expect, test } from "vitest";
import type { Oid } from "../../src/model/oid.ts";
import { createRemoteMemory, openSource } from "../../src/remote/open.ts";
import { latin1Bytes, latin1Text } from "../../src/wire/bytes.ts";
import { decodeAcknowledgment, encodeHavesQuestion } from "../../src/wire/fetch.ts";
import { codeOf } from "./decode.ts";
import { packets, refusalOf, serve, sourceOf, URL_OF_SIDE } from "./serve-bytes.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const C = "c".repeat(40) as Oid;
const ASKED = `0010no-progress\n0032want ${A}\n0032have ${B}\n0032have ${C}\n0000`;

/** What a warm worker remembers of a source. */
function remembered(version: 0 | 2, ...capabilities: string[]) {
  const memory = createRemoteMemory();
  memory.uploads.set(URL_OF_SIDE, { version, capabilities: new Map(capabilities.map((name) => [name, ""])) });
  return memory;
}

const ask = (...lines: string[]) => sourceOf({ uploadPack: [packets(...lines)] }, remembered(2)).knowsAny(A, [B]);

describe("the question", () => {
  test("is a fetch without done, so that no pack follows", () => {
    const question = { want: A, haves: [B, C] };
    expect(latin1Text(encodeHavesQuestion(question))).toBe(`0012command=fetch\n0001${ASKED}`);
    expect(latin1Text(encodeHavesQuestion({ ...question, agent: "x/1" }))).toBe(
      `0012command=fetch\n000eagent=x/1\n0001${ASKED}`,
    );
  });

  test("goes out as it is, the agent where the source takes one", async () => {
    const { http, sent } = serve({ uploadPack: [packets("acknowledgments\n", "NAK\n", "0000")] });
    const source = openSource(http, { side: "source", url: URL_OF_SIDE }, remembered(2, "agent"));
    expect(await source.knowsAny(A, [B, C])).toBe(false);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ method: "POST", url: `${URL_OF_SIDE}/git-upload-pack` });
    expect(sent[0]?.headers).toMatchObject({ "git-protocol": "version=2" });
    expect(sent[0]?.body).toBe(`0012command=fetch\n001cagent=gerrit-mirror/0.1\n0001${ASKED}`);
  });

  test("is not asked of a source that speaks no v2", async () => {
    const { http, sent } = serve({});
    const source = openSource(http, { side: "source", url: URL_OF_SIDE }, remembered(0, "side-band-64k"));
    expect(await source.knowsAny(A, [B])).toBeUndefined();
    expect(sent).toEqual([]);
  });
});

describe("a line of the answer", () => {
  test.each<[string, boolean | undefined]>([
    ["acknowledgments\n", undefined],
    ["acknowledgments", undefined],
    ["NAK\n", false],
    [`ACK ${B}\n`, true],
    [`ACK ${B}`, true],
    ["ready\n", true],
  ])("%j says %s", (line, known) => {
    expect(decodeAcknowledgment({ kind: "data", payload: latin1Bytes(line) })).toBe(known);
  });

  test.each([
    ["ERR access denied\n", "request-refused"],
    [`ERR upload-pack: not our ref ${A}\n`, "busy"],
    [`ERR want ${A} not valid\n`, "busy"],
    ["packfile\n", "malformed-answer"],
    ["shallow-info\n", "malformed-answer"],
    ["nak\n", "malformed-answer"],
    ["", "malformed-answer"],
  ])("%j is %s", (line, code) => {
    expect(codeOf(() => decodeAcknowledgment({ kind: "data", payload: latin1Bytes(line) }))).toBe(code);
  });

  test.each(["flush", "delimiter"] as const)("a %s-pkt is malformed", (kind) => {
    expect(codeOf(() => decodeAcknowledgment({ kind }))).toBe("malformed-answer");
  });
});

describe("the whole answer", () => {
  test("is read as far as its first acknowledgment", async () => {
    expect(await ask("acknowledgments\n", "NAK\n", "0000")).toBe(false);
    expect(await ask("acknowledgments\n", `ACK ${B}\n`, "ready\n", "0001", "packfile\n")).toBe(true);
  });

  test("that ends before it is malformed, and blamed on the source", async () => {
    const error = await refusalOf(ask("acknowledgments\n"));
    expect(error).toMatchObject({ code: "malformed-answer", side: "source" });
    expect(error.message).toContain("ended before its acknowledgments");
  });
});
