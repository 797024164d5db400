// The closed list of error codes: for each whether it heals, whose fault it is, how often it is tried and what to do.
import { describe, expect, test } from "vitest";
import {
  ATTEMPTS_MAX,
  attemptsOf,
  BACKOFF_SECONDS,
  backoffSeconds,
  ERROR_CODES,
  type ErrorCode,
  type Fault,
  faultOf,
  MirrorError,
  type Retry,
  remedyOf,
  retryOf,
  summarizeError,
} from "../src/errors.ts";

const TABLE: Record<ErrorCode, [Retry, Fault, number]> = {
  unreachable: ["heals", "lane", 8],
  "timed-out": ["heals", "lane", 8],
  "server-error": ["heals", "lane", 8],
  throttled: ["heals", "lane", 8],
  "credential-refused": ["waits", "lane", 8],
  "invalid-secret": ["waits", "lane", 8],
  "not-git": ["heals", "lane", 8],
  forbidden: ["never", "repository", 8],
  "not-found": ["never", "repository", 8],
  redirected: ["never", "repository", 8],
  "too-large": ["never", "repository", 8],
  "malformed-answer": ["heals", "repository", 8],
  "request-refused": ["heals", "repository", 8],
  "corrupt-pack": ["heals", "repository", 4],
  "unpack-failed": ["heals", "repository", 3],
  rejected: ["never", "repository", 8],
  unproven: ["heals", "repository", 8],
  busy: ["heals", "repository", 8],
  deadline: ["heals", "repository", 8],
  unsupported: ["never", "repository", 8],
  guarded: ["never", "repository", 8],
  foreign: ["never", "repository", 8],
  gone: ["never", "repository", 8],
  "invalid-job": ["never", "repository", 8],
  "queue-refused": ["heals", "lane", 8],
  "invalid-configuration": ["never", "lane", 8],
  usage: ["never", "repository", 8],
  internal: ["heals", "repository", 3],
};

describe("each code", () => {
  test("is in this table, and each of this table is a code", () => {
    expect([...ERROR_CODES].sort()).toEqual(Object.keys(TABLE).sort());
  });

  test.each(ERROR_CODES)("%s has its rule and a remedy in a sentence", (code) => {
    expect([retryOf(code), faultOf(code), attemptsOf(code)]).toEqual(TABLE[code]);
    expect(remedyOf(code)).toMatch(/^[A-Z].{20,}[.`}]$/);
    expect(new MirrorError(code, "x").remedy).toBe(remedyOf(code));
  });
});

test("delays grow as the design says, and the last one repeats", () => {
  expect(BACKOFF_SECONDS).toEqual([5, 30, 120, 300, 900]);
  expect(ATTEMPTS_MAX).toBe(8);
  expect([-1, 0, 1, 2, 3, 4, 5, 6, 100].map(backoffSeconds)).toEqual([5, 5, 5, 30, 120, 300, 900, 900, 900]);
});

describe("a MirrorError", () => {
  test("carries what is known, and nothing where nothing is", () => {
    const cause = new Error("socket hang up");
    const error = new MirrorError("throttled", "HTTP 429.", {
      side: "mirror",
      retryAfterSeconds: 7,
      remedy: "Wait.",
      cause,
    });
    expect(error).toMatchObject({
      name: "MirrorError",
      code: "throttled",
      message: "HTTP 429.",
      side: "mirror",
      cause,
    });
    expect([error.retryAfterSeconds, error.remedy]).toEqual([7, "Wait."]);
    expect(error).toBeInstanceOf(Error);
    const bare = new MirrorError("gone", "x");
    expect([bare.side, bare.retryAfterSeconds, "cause" in bare]).toEqual([undefined, undefined, false]);
  });

  test("is made of any thrown value: one of ours stays, anything else is internal with its cause", () => {
    const ours = new MirrorError("busy", "x");
    expect(MirrorError.from(ours)).toBe(ours);
    const theirs = new TypeError("x is not a function");
    expect(MirrorError.from(theirs)).toMatchObject({ code: "internal", message: theirs.message, cause: theirs });
    expect(MirrorError.from("text")).toMatchObject({ code: "internal", message: "text", cause: "text" });
    expect(MirrorError.from(undefined)).toMatchObject({ code: "internal", message: "undefined" });
    expect(MirrorError.from(null)).toMatchObject({ code: "internal", message: "null" });
  });

  test("is summarized by code, message and remedy alone", () => {
    const error = new MirrorError("busy", "x", { side: "source", cause: new Error("y") });
    expect(summarizeError(error)).toEqual({ code: "busy", message: "x", remedy: remedyOf("busy") });
  });
});
