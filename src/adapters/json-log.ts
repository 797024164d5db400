// The log as one JSON line an entry, with nothing secret in it and no way to throw.
import { MirrorError } from "../errors.ts";
import type { Clock, Log } from "../ports.ts";
import { redactUserinfo } from "./redact.ts";

type LogOptions = {
  /** Gets one line without its line feed. */
  write: (line: string) => void;
  clock: Clock;
};

/** Objects deeper than this are cut: what a log line should say is near its top. */
const DEPTH_MAX = 8;

/** `{"time", "level", "message", ...fields}`; a field of one of these three names does not replace it. */
export function jsonLog({ write, clock }: LogOptions): Log {
  return (level, message, fields = {}) => {
    const entry = { time: new Date(clock()).toISOString(), level, message: redactUserinfo(message) };
    write(JSON.stringify({ ...entry, ...plainFields(fields), ...entry }));
  };
}

function plainFields(fields: object): Record<string, unknown> {
  try {
    return plainObject(fields, []);
  } catch (error) {
    // A getter or a proxy of somebody else threw: the entry itself must still be written.
    return { unloggable: redactUserinfo(String(error)) };
  }
}

/** The value as JSON can hold it. `within` are the objects around it, so that a circle ends. */
function plain(value: unknown, within: readonly object[]): unknown {
  if (typeof value === "string") return redactUserinfo(value);
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (typeof value === "function") return "[function]";
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (within.includes(value)) return "[circular]";
  if (within.length >= DEPTH_MAX) return "[deep]";
  const inside = [...within, value];
  // How a Secret says [secret], and a URL or a Date its text.
  if ("toJSON" in value && typeof value.toJSON === "function") return plain(value.toJSON(), inside);
  if (value instanceof Error) return plainError(value, inside);
  if (value instanceof Map || value instanceof Set) return plain([...value], inside);
  if (Array.isArray(value)) return value.map((entry) => plain(entry, inside));
  return plainObject(value, inside);
}

function plainObject(value: object, within: readonly object[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [redactUserinfo(key), plain(entry, within)]));
}

/** Only what is known to be fit to show: errors of libraries carry whole requests and answers as properties. */
function plainError(error: Error, within: readonly object[]): Record<string, unknown> {
  const { code, message, remedy, side } = MirrorError.from(error);
  return {
    code,
    message: redactUserinfo(message),
    remedy,
    ...(side === undefined ? {} : { side }),
    ...(error.cause === undefined ? {} : { cause: plainCause(error.cause, within) }),
    // A fault of ours is found by its stack; of an expected failure the message says all.
    ...(code === "internal" ? { stack: redactUserinfo(String(error.stack)) } : {}),
  };
}

function plainCause(cause: unknown, within: readonly object[]): unknown {
  return cause instanceof Error ? redactUserinfo(`${cause.name}: ${cause.message}`) : plain(cause, within);
}
