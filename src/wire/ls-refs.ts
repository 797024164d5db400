// Protocol v2's ls-refs (gitprotocol-v2): one line a ref.
//   obj-id-or-unborn SP refname *(SP ref-attribute) LF ; ref-attribute = symref-target:X / peeled:X
import { MirrorError } from "../errors.ts";
import { isOid, type Oid } from "../model/oid.ts";
import { concatBytes, latin1Bytes, latin1Part, latin1Text, trimLf } from "./bytes.ts";
import { DELIMITER_PKT, encodeLines, FLUSH_PKT } from "./pkt-line.ts";

export type ListedRef = {
  /** As it came: latin1 bytes, "HEAD" or a name below refs/. */
  name: string;
  /** Absent: unborn. */
  oid?: Oid;
  symrefTarget?: string;
  peeled?: Oid;
};

/** git ignores all prefixes when there are more (ls-refs.c, TOO_MANY_PREFIXES); then the list is whole, never shorter. */
export const PREFIXES_MAX = 65_536;

export type LsRefsRequest = { prefixes: readonly string[]; agent?: string };

/** `symrefs` is always asked for; `unborn` and `peel` never (JGit answers `unborn` with an error). */
export function encodeLsRefsRequest({ prefixes, agent }: LsRefsRequest): Uint8Array {
  for (const prefix of prefixes) {
    if (/[\0\n]/.test(prefix))
      throw new MirrorError("internal", `The ref-prefix ${JSON.stringify(prefix)} breaks the line.`);
  }
  const head = ["command=ls-refs\n", ...(agent === undefined ? [] : [`agent=${agent}\n`])];
  const asked = ["symrefs\n", ...prefixes.map((prefix) => `ref-prefix ${prefix}\n`)];
  return concatBytes([encodeLines(head), DELIMITER_PKT, encodeLines(asked), FLUSH_PKT]);
}

/** Throws `malformed-answer`, or `request-refused` for an ERR packet. */
export function parseLsRefsLine(payload: Uint8Array): ListedRef {
  return parsePlainLine(payload) ?? parseLine(trimLf(latin1Text(payload)));
}

export function formatLsRefsLine(ref: ListedRef): Uint8Array {
  const target = ref.symrefTarget === undefined ? "" : ` symref-target:${ref.symrefTarget}`;
  const peeled = ref.peeled === undefined ? "" : ` peeled:${ref.peeled}`;
  return latin1Bytes(`${ref.oid ?? "unborn"} ${ref.name}${target}${peeled}\n`);
}

const SPACE = 0x20;
const LF = 0x0a;

/** OID SP NAME LF without attributes, as nearly all lines are; undefined for any other. Reads bytes: lists have 100,000 of them. */
function parsePlainLine(payload: Uint8Array): ListedRef | undefined {
  const end = payload.at(-1) === LF ? payload.length - 1 : payload.length;
  if (end < 42 || payload[40] !== SPACE) return undefined;
  for (let index = 0; index < 40; index++) if (!isHexDigit(payload[index] ?? 0)) return undefined;
  for (let index = 41; index < end; index++) {
    const byte = payload[index];
    if (byte === SPACE || byte === 0) return undefined;
  }
  const oid = latin1Part(payload, 0, 40);
  // The zero id is no value: the general parser says so.
  return oid.startsWith("00000000") && !isOid(oid)
    ? undefined
    : { name: latin1Part(payload, 41, end), oid: oid as Oid };
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
}

function parseLine(line: string): ListedRef {
  if (line.startsWith("ERR ")) throw new MirrorError("request-refused", `The server said: ${line.slice(4)}`);
  const space = line.indexOf(" ");
  const id = line.slice(0, space);
  const end = line.indexOf(" ", space + 1);
  const name = end === -1 ? line.slice(space + 1) : line.slice(space + 1, end);
  if (space === -1 || name === "" || name.includes("\0")) throw malformed(line);
  const ref: ListedRef = { name };
  if (isOid(id)) ref.oid = id;
  else if (id !== "unborn") throw malformed(line);
  if (end !== -1) addAttributes(ref, line, line.slice(end + 1));
  return ref;
}

function addAttributes(ref: ListedRef, line: string, attributes: string): void {
  for (const attribute of attributes.split(" ")) {
    const colon = attribute.indexOf(":");
    const value = attribute.slice(colon + 1);
    if (attribute.startsWith("symref-target:") && value !== "") ref.symrefTarget = value;
    else if (attribute.startsWith("peeled:") && isOid(value)) ref.peeled = value;
    // Attributes of newer servers are passed over, as gitprotocol-v2 demands; broken ones of ours are not.
    else if (colon === -1 || attribute.startsWith("symref-target:") || attribute.startsWith("peeled:"))
      throw malformed(line);
  }
}

function malformed(line: string): MirrorError {
  const shown = JSON.stringify(line.slice(0, 200));
  return new MirrorError(
    "malformed-answer",
    `The ref list has the line ${shown}; expected "OID NAME [symref-target:X] [peeled:OID]".`,
  );
}
