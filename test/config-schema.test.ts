// The JSON schema for editors: the committed file is what the code's own schema gives.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configJsonSchema } from "../src/config-schema.ts";

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));

test("mirror.config.schema.json is what configJsonSchema() gives (write it anew and format it after a change)", () => {
  expect(read("mirror.config.schema.json")).toEqual(configJsonSchema());
});

test("every key of the schema says what it is for, except $schema", () => {
  const silent: string[] = [];
  const visit = (node: unknown, path: string): void => {
    const { properties = {}, additionalProperties } = node as Record<string, Record<string, unknown>>;
    for (const [key, child] of Object.entries(properties)) {
      if (key !== "$schema" && !(child as { description?: string }).description) silent.push(`${path}.${key}`);
      visit(child, `${path}.${key}`);
    }
    if (typeof additionalProperties === "object") visit(additionalProperties, `${path}.*`);
  };
  visit(configJsonSchema(), "");
  expect(silent).toEqual([]);
});
