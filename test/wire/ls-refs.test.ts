// ls-refs: the request's literal bytes, its lines as git and JGit write them, and lists that must not be believed.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { latin1Bytes, latin1Text } from "../../src/wire/bytes.ts";
import { encodeLsRefsRequest, formatLsRefsLine, type ListedRef, parseLsRefsLine } from "../../src/wire/ls-refs.ts";
import { oids, refNames } from "../model/arbitraries.ts";
import { codeOf } from "./decode.ts";
import { EVERYTHING, packets, readListedRefs, refusalOf } from "./serve-bytes.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const ZERO = "0".repeat(40);

describe("the request", () => {
  test("asks for symrefs and the prefixes, never for unborn or peel", () => {
    expect(latin1Text(encodeLsRefsRequest({ prefixes: ["HEAD", "refs/heads/"] }))).toBe(
      "0014command=ls-refs\n0001000csymrefs\n0014ref-prefix HEAD\n001bref-prefix refs/heads/\n0000",
    );
    expect(latin1Text(encodeLsRefsRequest({ prefixes: [], agent: "x/1" }))).toBe(
      "0014command=ls-refs\n000eagent=x/1\n0001000csymrefs\n0000",
    );
  });

  test("carries a name's bytes as they are", () => {
    const bytes = encodeLsRefsRequest({ prefixes: [Buffer.from("refs/heads/größe").toString("latin1")] });
    expect(Buffer.from(bytes).toString("utf8")).toContain("0022ref-prefix refs/heads/größe\n");
  });

  test.each(["refs/heads/a\nfetch", "refs/\0x"])("refuses the prefix %j, which would break its line", (prefix) => {
    expect(codeOf(() => encodeLsRefsRequest({ prefixes: [prefix] }))).toBe("internal");
  });
});

describe("a line", () => {
  const names = fc.oneof(fc.constant("HEAD"), refNames);
  const lines: fc.Arbitrary<ListedRef> = fc.record(
    { name: names, oid: oids, symrefTarget: refNames, peeled: oids },
    { requiredKeys: ["name"] },
  );

  test("comes back as it was written", () => {
    fc.assert(
      fc.property(lines, (line) => {
        expect(parseLsRefsLine(formatLsRefsLine(line))).toEqual(line);
      }),
    );
  });

  test.each<[string, ListedRef]>([
    [`${A} refs/heads/a\n`, { name: "refs/heads/a", oid: A as never }],
    [`${A} refs/heads/a`, { name: "refs/heads/a", oid: A as never }],
    ["unborn HEAD symref-target:refs/heads/main\n", { name: "HEAD", symrefTarget: "refs/heads/main" }],
    [`${A} refs/tags/v1 peeled:${B} newer-attribute:x`, { name: "refs/tags/v1", oid: A as never, peeled: B as never }],
    [`${A} refs/heads/\xff\xfe`, { name: "refs/heads/\xff\xfe", oid: A as never }],
    [`${A} refs/heads/a..b`, { name: "refs/heads/a..b", oid: A as never }],
  ])("%j is read", (line, ref) => {
    expect(parseLsRefsLine(latin1Bytes(line))).toEqual(ref);
  });

  test.each([
    "",
    "\n",
    A,
    `${A} `,
    `${A}\trefs/heads/a`,
    ` ${A} refs/heads/a`,
    `${A}  refs/heads/a`,
    `${A.slice(1)} refs/heads/a`,
    `${A}a refs/heads/a`,
    `${A.toUpperCase()} refs/heads/a`,
    `${ZERO} refs/heads/a`,
    `${"a".repeat(64)} refs/heads/a`,
    `${A} refs/heads/a\0b`,
    `${A} refs/heads/a peeled:${ZERO}`,
    `${A} refs/heads/a peeled:${B.slice(1)}`,
    `${A} refs/heads/a peeled:`,
    `${A} HEAD symref-target:`,
    `${A} refs/heads/a b`,
    "Unborn HEAD",
    "<html>",
    "NAK",
  ])("%j is refused", (line) => {
    expect(codeOf(() => parseLsRefsLine(latin1Bytes(line)))).toBe("malformed-answer");
  });
});

describe("the list", () => {
  const line = `${A} refs/heads/a\n`;

  test("keeps what was asked for, takes HEAD apart and symbolic refs out", async () => {
    const wire = packets(
      `${A} HEAD symref-target:refs/heads/a\n`,
      line,
      `${B} refs/heads/ab\n`,
      `${A} refs/heads/s symref-target:refs/heads/a\n`,
      "unborn refs/heads/dangling symref-target:refs/heads/x\n",
      "0000",
    );
    const keep = (name: string) => name !== "refs/heads/ab";
    expect(await readListedRefs([wire], { ...EVERYTHING, keep })).toEqual({
      refs: new Map([["refs/heads/a", A]]),
      symbolic: new Set(["refs/heads/s"]),
      head: A,
    });
  });

  test.each([
    ["no byte at all", packets()],
    ["no flush-pkt", packets(line)],
    ["a delimiter where the flush-pkt should be", packets(line, "0001")],
    ["a response-end where the flush-pkt should be", packets(line, "0002")],
    ["a delimiter inside", packets(line, "0001", line, "0000")],
    ["an empty packet inside", latin1Bytes(`0004${latin1Text(packets("0000"))}`)],
    ["a second flush-pkt", packets(line, "0000", "0000")],
    ["refs after the flush-pkt", packets("0000", line)],
    ["a line of another kind", packets("version 2\n", "0000")],
  ])("with %s is refused", async (_name, wire) => {
    const error = await refusalOf(readListedRefs([wire]));
    expect([error.code, error.side]).toEqual(["malformed-answer", "source"]);
    expect(error.message).toContain("https://git.example.com/one.git");
  });

  test.each([
    ["first", packets("ERR unexpected unborn")],
    ["after refs", packets(line, "ERR Internal server error\n")],
    ["before a flush-pkt", packets(line, "ERR Internal server error\n", "0000")],
  ])("with an ERR packet %s is refused with the server's words", async (_name, wire) => {
    expect(await refusalOf(readListedRefs([wire]))).toMatchObject({
      code: "request-refused",
      message: expect.stringMatching(/The server said: (?:unexpected unborn|Internal server error)$/),
    });
  });
});
