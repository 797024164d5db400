// Strict JSON whose faults are told by line and column, and never by an excerpt of the text (it may hold a secret).
import { MirrorError } from "./errors.ts";

/** As `JSON.parse`, but a key that is written twice in one object is a fault. Throws `invalid-configuration`. */
export function parseJsonText(text: string): unknown {
  // Editors on Windows begin a file with a byte order mark.
  const json = text.replace(/^\ufeff/, "");
  const scan: Scan = { json, at: 0 };
  scanValue(scan, 0);
  if (nextToken(scan) !== "") throw fault(scan, "the end of the file");
  return JSON.parse(json);
}

type Scan = { json: string; at: number };

const DEPTH_MAX = 100;
const SPACE = /[\t\n\r ]*/y;
const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids control characters in strings (RFC 8259, section 7)
  /[{}[\],:]|"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"|(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?![\w.+-])/y;

/** The token at the position after white space, which stays where it is; "" at the end and where there is none. */
function nextToken(scan: Scan): string {
  SPACE.lastIndex = scan.at;
  SPACE.test(scan.json);
  scan.at = SPACE.lastIndex;
  if (scan.at >= scan.json.length) return "";
  TOKEN.lastIndex = scan.at;
  const token = TOKEN.exec(scan.json)?.[0];
  if (token === undefined)
    throw fault(scan, "JSON (a text in double quotes, a number, true, false, null, {...} or [...])");
  return token;
}

function take(scan: Scan, accepts: (token: string) => boolean, expected: string): string {
  const token = nextToken(scan);
  if (!accepts(token)) throw fault(scan, expected);
  scan.at += token.length;
  return token;
}

function scanValue(scan: Scan, depth: number): void {
  if (depth > DEPTH_MAX) throw fault(scan, `at most ${DEPTH_MAX} levels`);
  const token = take(scan, (next) => next !== "" && !"}],:".includes(next), "a value");
  if (token === "{") scanObject(scan, depth);
  if (token === "[") scanArray(scan, depth);
}

function scanObject(scan: Scan, depth: number): void {
  const keys = new Set<unknown>();
  while (keys.size > 0 || nextToken(scan) !== "}") {
    const key = take(scan, (next) => next.startsWith('"'), "a key in double quotes");
    if (keys.has(JSON.parse(key))) {
      scan.at -= key.length;
      throw fault(scan, "a key that is not there already (each key of an object once)");
    }
    keys.add(JSON.parse(key));
    take(scan, (next) => next === ":", '":"');
    scanValue(scan, depth + 1);
    if (nextToken(scan) === "}") break;
    take(scan, (next) => next === ",", '"," or "}"');
  }
  scan.at += 1;
}

function scanArray(scan: Scan, depth: number): void {
  let isFirst = true;
  while (!isFirst || nextToken(scan) !== "]") {
    isFirst = false;
    scanValue(scan, depth + 1);
    if (nextToken(scan) === "]") break;
    take(scan, (next) => next === ",", '"," or "]"');
  }
  scan.at += 1;
}

function fault(scan: Scan, expected: string): MirrorError {
  const before = scan.json.slice(0, scan.at).split("\n");
  const column = (before.at(-1)?.length ?? 0) + 1;
  return new MirrorError(
    "invalid-configuration",
    `The configuration is no JSON: line ${before.length} column ${column}: expected ${expected}.`,
  );
}
