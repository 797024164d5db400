// What an HTTP answer that is no Git answer means: status and type to an error with the server's own words.
import { type ErrorCode, MirrorError } from "../errors.ts";
import type { HttpResponse } from "../ports.ts";

/** Bytes of a refusal's body that are read for the message. */
const BODY_BYTES_MAX = 16 * 1024;
/** Seconds spent on reading it: the words are welcome, not needed. */
const BODY_MS_MAX = 5_000;
const WORDS_MAX = 300;
/** A host that asks for more than a day is not believed. */
const RETRY_AFTER_SECONDS_MAX = 86_400;

/** Reads the body's beginning and drops the connection. */
export async function refusalOf(response: HttpResponse, expectedType: string): Promise<MirrorError> {
  const { status, headers } = response;
  const words = wordsOf(await readBeginning(response));
  const code = codeOf(status, words, headers["retry-after"] !== undefined);
  const said = words === "" ? "" : ` The server said: ${words}`;
  const retryAfterSeconds = parseRetryAfter(headers["retry-after"]);
  const details = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  if (status !== 200) return new MirrorError(code, `HTTP ${status}.${said}`, details);
  const type = headers["content-type"] ?? "no content type";
  return new MirrorError(code, `HTTP 200 with ${type} instead of ${expectedType}.${said}`);
}

/** Rows of reference/hosts.md 3.7; 203 and 410 are sign-in answers of Azure DevOps and Bitbucket Cloud. */
function codeOf(status: number, words: string, hasRetryAfter: boolean): ErrorCode {
  if (status === 200) return "not-git";
  if (status === 401 || status === 203 || status === 410) return "credential-refused";
  if (status === 429 || ((status === 403 || status === 503) && hasRetryAfter) || /rate limit/i.test(words))
    return "throttled";
  if (status === 403) return "forbidden";
  if (status === 404) return "not-found";
  if (status === 408) return "timed-out";
  if (status === 413) return "too-large";
  if (status >= 300 && status < 400) return "redirected";
  return status >= 500 || status === 409 || status === 423 ? "server-error" : "request-refused";
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3). */
export function parseRetryAfter(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  const seconds = /^\d+$/.test(value.trim()) ? Number(value) : Math.ceil((Date.parse(value) - now) / 1000);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), RETRY_AFTER_SECONDS_MAX) : undefined;
}

async function readBeginning(response: HttpResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const timer = setTimeout(() => response.destroy(), BODY_MS_MAX);
  try {
    for await (const chunk of response.body) {
      parts.push(chunk);
      bytes += chunk.length;
      if (bytes >= BODY_BYTES_MAX) break;
    }
  } catch {
    // The status alone decides; a body that breaks off only costs the server's words.
  } finally {
    clearTimeout(timer);
    response.destroy();
  }
  return Buffer.concat(parts).subarray(0, BODY_BYTES_MAX).toString("utf8");
}

/** One line of plain text out of HTML, JSON or an `ERR` packet (Gerrit sends one with its 403). */
function wordsOf(body: string): string {
  const text = body
    .replace(/^[0-9a-f]{4}ERR /, "")
    .replace(/<(style|script)[\s\S]*?<\/\1>/gi, " ")
    .replace(/<[^>]*>/g, " ");
  const line = text
    .replace(/\p{Cc}+/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  return line.length > WORDS_MAX ? `${line.slice(0, WORDS_MAX)}...` : line;
}
