// The webhook's secret: which texts are one.
import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MirrorError } from "../../src/errors.ts";
import { parseWebhookSecret } from "../../src/gerrit/secret.ts";
import { Secret } from "../../src/model/secret.ts";

const parse = (text: string) => parseWebhookSecret("site/webhook", new Secret(text)).expose();

test("any 16 or more unreserved letters are a secret, plain or in an object, and stand in a URL's path unchanged", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9._~-]{16,80}$/), (secret) => {
      expect(parse(secret)).toBe(secret);
      expect(parse(`${secret}\r\n`)).toBe(secret);
      expect(parse(JSON.stringify({ secret, created: "2030-01-01" }))).toBe(secret);
      expect(new URL(`https://h/webhook/${secret}`).pathname).toBe(`/webhook/${secret}`);
    }),
  );
});

test.each([
  ["empty", ""],
  ["too short", "HUNTER2HUNTER2A"],
  ["with a slash", "HUNTER2/HUNTER2/HUNTER2"],
  ["with a space", "HUNTER2 HUNTER2 HUNTER2"],
  ["with a percent sign", "HUNTER2%20HUNTER2HUNTER2"],
  ["outside of ASCII", "HUNTER2HUNTER2HUNTER2é"],
  ["in broken JSON", '{"secret": "HUNTER2HUNTER2HUNTER2"'],
  ["under another key", '{"token": "HUNTER2HUNTER2HUNTER2"}'],
  ["not a text", '{"secret": ["HUNTER2HUNTER2HUNTER2"]}'],
  ["too short in an object", '{"secret": "HUNTER2"}'],
])("a secret %s is refused by its name and without its text", (_, text) => {
  let error: unknown;
  try {
    parse(text);
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof MirrorError)) throw new Error("the secret was accepted");
  expect(error.code).toBe("invalid-secret");
  expect(error.message).toContain('"site/webhook"');
  expect(inspect(error)).not.toContain("HUNTER2");
});
