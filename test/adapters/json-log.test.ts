// The JSON log: one line an entry, never a secret, never an exception.
import { describe, expect, test } from "vitest";
import { jsonLog } from "../../src/adapters/json-log.ts";
import { MirrorError } from "../../src/errors.ts";
import { Secret } from "../../src/model/secret.ts";

function logged(fields?: Record<string, unknown>, message = "done"): { line: string; entry: Record<string, unknown> } {
  const lines: string[] = [];
  jsonLog({ write: (line) => lines.push(line), clock: () => 0 })("info", message, fields);
  expect(lines).toHaveLength(1);
  const line = lines[0] ?? "";
  return { line, entry: JSON.parse(line) };
}

describe("jsonLog", () => {
  test("writes time, level, message and the fields, in this order and in one line", () => {
    expect(logged({ mirror: "github", count: 2n }, "a\nb").line).toBe(
      '{"time":"1970-01-01T00:00:00.000Z","level":"info","message":"a\\nb","mirror":"github","count":"2"}',
    );
  });

  test("keeps its own three fields from being replaced", () => {
    expect(logged({ level: "x", message: "y", time: "z" }).entry).toEqual({
      time: "1970-01-01T00:00:00.000Z",
      level: "info",
      message: "done",
    });
  });

  test("shows a MirrorError as code, message, remedy and cause, without its stack", () => {
    const cause = Object.assign(new Error("connect to https://u:hunter2@h"), { request: { authorization: "hunter2" } });
    const { line, entry } = logged({ error: new MirrorError("unreachable", "No answer.", { side: "source", cause }) });
    expect(entry.error).toEqual({
      code: "unreachable",
      message: "No answer.",
      remedy: expect.stringContaining("host is up"),
      side: "source",
      cause: "Error: connect to https://[secret]@h",
    });
    expect(line).not.toContain("hunter2");
  });

  test("shows an unexpected error with its stack and cause", () => {
    const { entry } = logged({ error: new TypeError("fetch failed", { cause: new Error("ECONNRESET") }) });
    expect(entry.error).toMatchObject({ code: "internal", message: "fetch failed", cause: "Error: ECONNRESET" });
    expect(entry.error).toHaveProperty("stack", expect.stringContaining("json-log.test.ts"));
  });

  test("shows no secret, wherever it is", () => {
    const secret = new Secret("hunter2");
    const { line } = logged(
      {
        secret,
        list: [secret],
        map: new Map([["k", secret]]),
        url: new URL("https://a:hunter2@h/x"),
        note: "a:hunter2@h",
      },
      "push to https://a:hunter2@h",
    );
    expect(line).not.toContain("hunter2");
    expect(JSON.parse(line)).toMatchObject({ secret: "[secret]", list: ["[secret]"], url: "https://[secret]@h/x" });
  });

  test("survives circles, depth, bytes, undefined and getters that throw", () => {
    const circle: Record<string, unknown> = { name: "circle" };
    circle.self = circle;
    let deep: unknown = "bottom";
    for (let level = 0; level < 20_000; level++) deep = { deep };
    const { entry, line } = logged({
      circle,
      deep,
      bytes: new Uint8Array(3),
      nothing: undefined,
      when: new Date(Number.NaN),
    });
    expect(entry).toMatchObject({ circle: { name: "circle", self: "[circular]" }, bytes: "[3 bytes]", when: null });
    expect(line).toContain("[deep]");
    const hostile = Object.defineProperty({}, "bad", {
      enumerable: true,
      get: () => {
        throw new Error("no");
      },
    });
    expect(logged({ hostile }).entry).toMatchObject({ message: "done", unloggable: "Error: no" });
  });
});
