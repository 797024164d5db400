// Random values for the property tests: oids, ref names as bytes, ref lists of both sides, and cuts of a byte stream.
import fc from "fast-check";
import type { Oid } from "../../src/model/oid.ts";
import { isRefName, type RefName } from "../../src/model/ref.ts";
import type { RefList } from "../../src/model/ref-list.ts";

const HEX = [..."0123456789abcdef"];

export const oids: fc.Arbitrary<Oid> = fc
  .string({ unit: fc.constantFrom(...HEX), minLength: 40, maxLength: 40 })
  .filter((text) => !/^0+$/.test(text)) as fc.Arbitrary<Oid>;

/** Few values, so that two lists often agree. */
export const fewOids: fc.Arbitrary<Oid> = fc.constantFrom(..."abcdef").map((digit) => digit.repeat(40) as Oid);

const letters = fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code));

/** Any legal name below refs/, of any bytes. */
export const refNames: fc.Arbitrary<RefName> = fc
  .array(fc.string({ unit: letters, minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 })
  .map((segments) => `refs/${segments.join("/")}`)
  .filter(isRefName);

/** Names of few letters, so that lists share names and hold `a` beside `a/b`. */
export const closeRefNames: fc.Arbitrary<RefName> = fc
  .tuple(
    fc.constantFrom("refs/heads", "refs/tags"),
    fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }),
  )
  .map(([top, segments]) => `${top}/${segments.join("/")}` as RefName);

export const refMaps: fc.Arbitrary<Map<string, Oid>> = fc
  .uniqueArray(fc.tuple(closeRefNames, fewOids), { selector: ([name]) => name, maxLength: 20 })
  .map((entries) => new Map(entries));

/** A list without symbolic refs. */
export const plainLists: fc.Arbitrary<RefList> = fc
  .tuple(refMaps, fc.option(fewOids, { nil: undefined }))
  .map(([refs, head]) => list(refs, head));

export const refLists: fc.Arbitrary<RefList> = fc
  .tuple(plainLists, fc.uniqueArray(closeRefNames, { maxLength: 3 }))
  .map(([{ refs, head }, symbolic]) => {
    const left = new Map([...refs].filter(([name]) => !(symbolic as string[]).includes(name)));
    return { ...list(left, head), symbolic: new Set<string>(symbolic) };
  });

/** The bytes cut into chunks of random sizes, some of them empty. */
export function cutRandomly(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let offset = 0;
  for (let turn = 0; offset < bytes.length; turn++) {
    const size = sizes.length === 0 ? bytes.length : (sizes[turn % sizes.length] ?? 1) + (turn % 7 === 6 ? 1 : 0);
    pieces.push(bytes.slice(offset, offset + size));
    offset += size;
  }
  return pieces;
}

export const sizes: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 });

function list(refs: Map<string, Oid>, head: Oid | undefined): RefList {
  return { refs, symbolic: new Set(), ...(head === undefined ? {} : { head }) };
}
