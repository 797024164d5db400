// Push commands and reports: round trips, reports of git, JGit and GitHub, and reports that must not be believed.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Oid } from "../../src/model/oid.ts";
import type { RefName } from "../../src/model/ref.ts";
import type { CommandResult, RefUpdate } from "../../src/model/report.ts";
import { concatBytes, latin1Bytes, latin1Text } from "../../src/wire/bytes.ts";
import { FLUSH_PKT } from "../../src/wire/pkt-line.ts";
import { encodeCommands, encodeReport } from "../../src/wire/receive-pack.ts";
import { encodeSideband } from "../../src/wire/sideband.ts";
import { cutRandomly, oids, refNames, sizes } from "../model/arbitraries.ts";
import { codeOf, decodePackets, decodeReport } from "./decode.ts";
import { packets, pushAndRead, refusalOf } from "./serve-bytes.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const ZERO = "0".repeat(40);
const main = "refs/heads/main" as RefName;
const OK = { ok: true };

describe("commands", () => {
  test.each<[string, RefUpdate]>([
    [`${ZERO} ${B} refs/heads/main`, { kind: "create", ref: main, new: B }],
    [`${A} ${B} refs/heads/main`, { kind: "update", ref: main, old: A, new: B }],
    [`${A} ${ZERO} refs/heads/main`, { kind: "delete", ref: main, old: A }],
  ])("%s", (command, update) => {
    const first = `${command}\0 report-status atomic`;
    expect(latin1Text(encodeCommands([update], ["report-status", "atomic"]))).toBe(
      `${(first.length + 4).toString(16).padStart(4, "0")}${first}0000`,
    );
  });

  test("say what was planned, capabilities on the first line alone, names byte for byte", () => {
    const kinds = fc.constantFrom<RefUpdate["kind"]>("create", "update", "delete");
    const planned = fc.uniqueArray(fc.tuple(kinds, refNames, oids, oids), {
      selector: ([, ref]) => ref,
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(planned, (entries) => {
        const updates = entries.map(([kind, ref, old, next]) => ({ kind, ref, old, new: next }) as RefUpdate);
        const written = decodePackets([encodeCommands(updates, ["report-status"])]);
        expect(written.pop()).toEqual({ kind: "flush" });
        const lines = written.map((packet) => (packet.kind === "data" ? latin1Text(packet.payload) : packet.kind));
        expect(lines).toEqual(
          entries.map(([kind, ref, old, next], index) => {
            const ids = `${kind === "create" ? ZERO : old} ${kind === "delete" ? ZERO : next}`;
            return `${ids} ${ref}${index === 0 ? "\0 report-status" : ""}`;
          }),
        );
      }),
    );
  });

  test("with a ref named twice, or none at all, are refused before anything is written", () => {
    const update: RefUpdate = { kind: "delete", ref: main, old: A };
    expect(codeOf(() => encodeCommands([update, update], []))).toBe("internal");
    expect(codeOf(() => encodeCommands([], []))).toBe("internal");
  });
});

test("a report comes back as it was written, however it is cut", () => {
  const reasons = fc
    .string({ unit: fc.constantFrom(..."abc: ()"), minLength: 1, maxLength: 12 })
    .map((text) => `n${text}.`);
  const results: fc.Arbitrary<CommandResult> = fc.oneof(
    fc.constant<CommandResult>({ ok: true }),
    reasons.map((reason): CommandResult => ({ ok: false, reason })),
  );
  const entries = fc.uniqueArray(fc.tuple(refNames, results), { selector: ([name]) => name, maxLength: 8 });
  fc.assert(
    fc.property(fc.oneof(fc.constant("ok"), reasons), entries, sizes, (unpack, written, cuts) => {
      const report = { unpack, results: new Map<string, CommandResult>(written) };
      expect(decodeReport(cutRandomly(encodeReport(report), cuts), written.length)).toEqual(report);
    }),
  );
});

describe("a report is read", () => {
  test.each<[string, string[], string, Record<string, unknown>]>([
    ["of git", ["unpack ok\n", "ok refs/heads/a\n", "0000"], "ok", { "refs/heads/a": OK }],
    ["without LF", ["unpack ok", "ok refs/heads/a", "0000"], "ok", { "refs/heads/a": OK }],
    ["without a line for any ref", ["unpack ok\n", "0000"], "ok", {}],
    [
      "with reasons of several words",
      ["unpack ok\n", "ng refs/heads/a protected branch hook declined\n", "0000"],
      "ok",
      { "refs/heads/a": { ok: false, reason: "protected branch hook declined" } },
    ],
    [
      "with a refusal without a reason",
      ["unpack ok\n", "ng refs/heads/a\n", "ng refs/heads/b \n", "0000"],
      "ok",
      {
        "refs/heads/a": { ok: false, reason: "no reason given" },
        "refs/heads/b": { ok: false, reason: "no reason given" },
      },
    ],
    [
      "with options of report-status-v2",
      [
        "unpack ok\n",
        "ok refs/for/main\n",
        "option refname refs/x\n",
        `option new-oid ${A}\n`,
        "option later-word\n",
        "0000",
      ],
      "ok",
      { "refs/for/main": OK },
    ],
    [
      "of an unpack that failed",
      ["unpack index-pack abnormal exit\n", "ng refs/heads/a unpacker error\n", "0000"],
      "index-pack abnormal exit",
      { "refs/heads/a": { ok: false, reason: "unpacker error" } },
    ],
    ["with a name of any bytes", ["unpack ok\n", "ok refs/heads/\xff\n", "0000"], "ok", { "refs/heads/\xff": OK }],
  ])("%s", async (_name, lines, unpack, results) => {
    const expected = { unpack, results: new Map(Object.entries(results)), messages: "" };
    const report = packets(...lines);
    expect(await pushAndRead([report], false)).toEqual(expected);
    expect(await pushAndRead([inBand1(report)], true)).toEqual(expected);
  });

  test("whatever side-band packets it is cut into, with what the host printed between", async () => {
    const report = packets("unpack ok\n", "ok refs/heads/a\n", "0000");
    for (const size of [1, 3, 10]) {
      const parts = cutRandomly(report, [size]).flatMap((piece) => [
        encodeSideband(1, piece),
        encodeSideband(2, latin1Bytes(".")),
        packets("\x01"),
      ]);
      const answer = await pushAndRead([concatBytes([...parts, FLUSH_PKT])], true);
      expect(answer.results.get("refs/heads/a")).toEqual(OK);
      expect(answer.messages).toMatch(/^\.+$/);
    }
  });
});

describe("a report is refused", () => {
  test.each([
    ["without its flush-pkt", ["unpack ok\n", "ok refs/heads/a\n"]],
    ["without an unpack line", ["ok refs/heads/a\n", "0000"]],
    ["that is only a flush-pkt", ["0000"]],
    ["with two unpack lines", ["unpack ok\n", "unpack ok\n", "0000"]],
    ["with an answer twice", ["unpack ok\n", "ok refs/heads/a\n", "ok refs/heads/a\n", "0000"]],
    ["that says ok and ng of one ref", ["unpack ok\n", "ok refs/heads/a\n", "ng refs/heads/a no\n", "0000"]],
    ["with more answers than commands", ["unpack ok\n", "ok refs/a\n", "ok refs/b\n", "ok refs/c\n", "0000"]],
    ["with an option before any answer", ["unpack ok\n", "option refname refs/x\n", "0000"]],
    ["with a word of another kind", ["unpack ok\n", "nok refs/heads/a\n", "0000"]],
    ["with an answer for no ref", ["unpack ok\n", "ok \n", "0000"]],
    ["with a bare ok", ["unpack ok\n", "ok\n", "0000"]],
    ["with words in upper case", ["UNPACK ok\n", "0000"]],
    ["with a delimiter", ["unpack ok\n", "0001", "0000"]],
    ["with a response-end", ["unpack ok\n", "0002"]],
    ["with a line after its flush-pkt", ["unpack ok\n", "0000", "ok refs/heads/a\n"]],
    ["with a second flush-pkt", ["unpack ok\n", "0000", "0000"]],
  ])("%s", async (_name, lines) => {
    const report = packets(...lines);
    for (const reading of [pushAndRead([report], false), pushAndRead([inBand1(report)], true)]) {
      const error = await refusalOf(reading);
      expect([error.code, error.side]).toEqual(["malformed-answer", "mirror"]);
    }
  });

  test.each([
    ["in side-band though none was asked for", inBand1(packets("unpack ok\n", "0000")), false],
    ["without side-band though it was asked for", packets("unpack ok\n", "0000"), true],
    ["whose side-band has no flush-pkt", encodeSideband(1, packets("unpack ok\n", "0000")), true],
    ["that never came", packets(), false],
    ["that never came in its side-band", packets("0000"), true],
  ])("%s", async (_name, wire, sideband) => {
    expect((await refusalOf(pushAndRead([wire], sideband))).code).toBe("malformed-answer");
  });

  test.each([
    ["an ERR packet", packets("unpack ok\n", "ERR hook broke\n", "0000"), false],
    ["an ERR packet beside the side-band", concatBytes([inPacket("unpack ok\n"), packets("ERR hook broke")]), true],
    ["side-band 3", concatBytes([inPacket("unpack ok\n"), packets("\x03hook broke\n")]), true],
  ])("with %s, in the host's words", async (_name, wire, sideband) => {
    const error = await refusalOf(pushAndRead([wire], sideband));
    expect(error.code).toBe("request-refused");
    expect(error.message).toContain("hook broke");
  });

  test("with what the host had printed before", async () => {
    const wire = concatBytes([encodeSideband(2, latin1Bytes("remote: quota exceeded\n")), packets("\x03fatal")]);
    const error = await refusalOf(pushAndRead([wire], true));
    expect(error.message).toContain("quota exceeded");
    expect(error.code).toBe("request-refused");
  });
});

function inBand1(report: Uint8Array): Uint8Array {
  return concatBytes([encodeSideband(1, report), FLUSH_PKT]);
}

function inPacket(line: string): Uint8Array {
  return encodeSideband(1, packets(line));
}
