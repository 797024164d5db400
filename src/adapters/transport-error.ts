// What Node says of a broken HTTP exchange, in our words.
import { MirrorError } from "../errors.ts";
import type { HttpRequest } from "../ports.ts";
import { redactUserinfo } from "./redact.ts";

/** An error of our own, also one that aborted the request, comes back as it is. */
export function transportError(error: unknown, request: HttpRequest): MirrorError {
  if (error instanceof MirrorError) return error;
  if (request.signal?.aborted === true && request.signal.reason instanceof MirrorError) return request.signal.reason;
  const { code, message, cause } = error as NodeJS.ErrnoException & { cause?: unknown };
  if (cause instanceof MirrorError) return cause;
  const where = new URL(request.url).host;
  if (code?.startsWith("Z_") === true) {
    return new MirrorError("malformed-answer", `${where} sent an answer whose gzip is broken: ${message}.`, {
      cause: error,
    });
  }
  const what: Record<string, string> = {
    ECONNREFUSED: "refused the connection",
    ENOTFOUND: "has no address",
    EAI_AGAIN: "has no address just now",
    ECONNRESET: "broke the connection off",
    EPIPE: "broke the connection off",
    ETIMEDOUT: "did not answer in time",
  };
  // Node quotes the proxy's URL with its credential.
  const said = redactUserinfo(message || (code ?? ""));
  return new MirrorError("unreachable", `${where} ${what[code ?? ""] ?? `could not be used: ${said}`}.`, {
    cause: error,
  });
}
