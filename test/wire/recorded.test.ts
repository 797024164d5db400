// Every recorded answer through the readers that production uses: whole, in chunks of any size, and cut at every byte.
import { describe, expect, test } from "vitest";
import { RECORDED, type Recorded } from "./recorded-answers.ts";
import { chunks, fixture, fixtureNames, refusalOf } from "./serve-bytes.ts";

const CUT_CODES = ["malformed-answer", "corrupt-pack", "request-refused"];

test("each fixture has its expected value here, and each expected value its fixture", () => {
  expect(Object.keys(RECORDED).sort()).toEqual(fixtureNames().sort());
});

describe.each(Object.entries(RECORDED))("%s", (name, recorded) => {
  const bytes = fixture(name);

  test.each([1, 2, 3, 7, 64, bytes.length])("says what it holds in chunks of %i bytes", async (size) => {
    expect(await outcome(recorded, chunks(bytes, size))).toEqual(recorded.code ?? recorded.value);
  });

  test("says what it holds with empty chunks between", async () => {
    const pieces = chunks(bytes, 5).flatMap((piece) => [new Uint8Array(0), piece, new Uint8Array(0)]);
    expect(await outcome(recorded, pieces)).toEqual(recorded.code ?? recorded.value);
  });

  test("is refused when it is cut, at whichever byte, and what came before is a part of the whole", async () => {
    const whole: Uint8Array[] = [];
    await recorded.read([bytes], whole).catch(() => {});
    const pack = Buffer.concat(whole);
    const wrong: string[] = [];
    for (let length = 0; length < bytes.length; length++) {
      const partial: Uint8Array[] = [];
      const error = await refusalOf(recorded.read(chunks(bytes.subarray(0, length), 61), partial));
      const came = Buffer.concat(partial);
      const isPart = came.length <= pack.length && came.equals(pack.subarray(0, came.length));
      if (!CUT_CODES.includes(error.code) || !isPart) wrong.push(`at ${length}: ${error.code}, ${error.message}`);
    }
    expect(wrong).toEqual([]);
  });

  test("is refused when bytes follow its end", async () => {
    for (const more of ["0000", "0", "0009more\n"]) {
      for (const together of [true, false]) {
        const tail = Buffer.from(more);
        const pieces = together ? [Buffer.concat([bytes, tail])] : [bytes, tail];
        // A receive-pack advertisement is read for its features alone: less than a packet after its end is not looked at.
        if (name.includes("receive-pack-advertisement") && more.length < 4) continue;
        await refusalOf(recorded.read(pieces, []));
      }
    }
  });
});

async function outcome(recorded: Recorded, pieces: Uint8Array[]): Promise<unknown> {
  const reading = recorded.read(pieces, []);
  return recorded.code === undefined ? reading : (await refusalOf(reading)).code;
}
