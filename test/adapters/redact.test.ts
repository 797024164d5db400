// Redaction: credentials in URLs never leave, and what is no credential stays readable.
import { describe, expect, test } from "vitest";
import { redactUserinfo } from "../../src/adapters/redact.ts";

describe("redactUserinfo", () => {
  test.each([
    ["fetch https://alice:pw@git.example.com/a.git failed", "fetch https://[secret]@git.example.com/a.git failed"],
    ["https://token@host/x", "https://[secret]@host/x"],
    ["https://alice:p@ss@host/x", "https://[secret]@host/x"],
    ["Invalid URL: https://alice:p/ss@host/x", "Invalid URL: https://[secret]@host/x"],
    ['{"url":"https://a:b@host"}', '{"url":"https://[secret]@host"}'],
    ["proxy alice:pw@proxy.example.com:3128", "proxy [secret]@proxy.example.com:3128"],
  ])("takes the credential out of %s", (text, expected) => {
    expect(redactUserinfo(text)).toBe(expected);
  });

  test.each([
    "https://host:8080/scope/@v1",
    "git@host:a.git",
    "mail someone@example.com: thanks",
    "refs/heads/a@b",
    "12:30: nothing",
  ])("leaves %s as it is", (text) => {
    expect(redactUserinfo(text)).toBe(text);
  });

  test("needs no quadratic time for a long line", () => {
    const started = performance.now();
    redactUserinfo(`${"a:".repeat(200_000)} @`);
    redactUserinfo(`${"a".repeat(400_000)} @`);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
