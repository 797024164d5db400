// A secret shows itself to nobody who prints, logs, joins or serializes it.
import { format, inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "../../src/model/secret.ts";

const VALUE = "example-value-of-a-secret";

test.each<[string, (secret: Secret) => unknown]>([
  ["String", String],
  ["a template", (secret) => `${secret}`],
  ["concatenation", (secret) => `Basic ${secret}`],
  ["toString", (secret) => secret.toString()],
  ["toLocaleString", (secret) => secret.toLocaleString()],
  ["JSON", JSON.stringify],
  ["JSON of what holds it", (secret) => JSON.stringify({ list: [secret], secret })],
  ["inspect", (secret) => inspect(secret)],
  ["inspect of everything", (secret) => inspect({ secret }, { showHidden: true, depth: null, getters: true })],
  ["inspect without custom functions", (secret) => inspect(secret, { customInspect: false, showHidden: true })],
  ["format", (secret) => format("%s %o %O %j", secret, secret, secret, secret)],
  ["an error", (secret) => new Error(`refused ${secret}`, { cause: secret }).message],
  ["an error's inspection", (secret) => inspect(new Error("refused", { cause: secret }))],
  ["join", (secret) => [secret].join()],
  ["a Map", (secret) => inspect(new Map([["secret", secret]]))],
  ["its keys and values", (secret) => JSON.stringify([Object.entries(secret), { ...secret }])],
  ["its property names", (secret) => Reflect.ownKeys(secret).join()],
  ["a structured clone", (secret) => inspect(structuredClone(secret), { showHidden: true })],
])("%s does not show it", (_name, print) => {
  expect(print(new Secret(VALUE))).not.toContain(VALUE);
});

test("it prints as [secret], and only expose gives it", () => {
  const secret = new Secret(VALUE);
  expect([`${secret}`, JSON.stringify(secret), inspect(secret)]).toEqual(["[secret]", '"[secret]"', "[secret]"]);
  expect(secret.expose()).toBe(VALUE);
});
