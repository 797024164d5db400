// An object id: 40 lower-case hexadecimal digits of a SHA-1 object, never the zero id.
import { MirrorError } from "../errors.ts";

declare const brand: unique symbol;
export type Oid = string & { readonly [brand]: "Oid" };

const OID = /^[0-9a-f]{40}$/;
const ZERO = "0".repeat(40);

export function isOid(text: string): text is Oid {
  return OID.test(text) && text !== ZERO;
}

/** Throws `malformed-answer`; a caller that parses something else than an answer checks `isOid` first. */
export function parseOid(text: string): Oid {
  if (isOid(text)) return text;
  throw new MirrorError("malformed-answer", `"${text.slice(0, 80)}" is no object id (40 hex digits, not all zero).`);
}
