// Secrets from a file: its forms, its mode, its changes, and messages without a secret in them.
import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { FileSecrets } from "../../src/adapters/file-secrets.ts";

const folder = mkdtempSync(join(tmpdir(), "file-secrets-"));
const file = join(folder, "it's secrets.json");
afterAll(() => rmSync(folder, { recursive: true }));

function write(content: unknown, mode = 0o600): void {
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  chmodSync(file, mode);
}

async function texts(secrets: FileSecrets, name: string, fresh = false): Promise<string[]> {
  return (await secrets.read(name, { fresh })).map((secret) => secret.expose());
}

describe("FileSecrets", () => {
  beforeEach(() => write({ plain: "text", object: { token: "t" }, rotated: ["new", { secret: "old" }] }));

  test("reads a text, an object as its JSON, and an array as current and previous", async () => {
    const secrets = new FileSecrets(file);
    expect(await texts(secrets, "plain")).toEqual(["text"]);
    expect(await texts(secrets, "object")).toEqual(['{"token":"t"}']);
    expect(await texts(secrets, "rotated")).toEqual(["new", '{"secret":"old"}']);
  });

  test.each([0o640, 0o604, 0o620])("refuses mode %o with the command that heals it", async (mode) => {
    chmodSync(file, mode);
    await expect(new FileSecrets(file).read("plain")).rejects.toMatchObject({
      code: "invalid-secret",
      message: expect.stringContaining(mode.toString(8)),
      remedy: `Run: chmod 600 '${folder}/it'\\''s secrets.json'`,
    });
  });

  test("refuses a file whose mode was opened after it was read", async () => {
    const secrets = new FileSecrets(file);
    await secrets.read("plain");
    chmodSync(file, 0o644);
    await expect(secrets.read("plain")).rejects.toMatchObject({ code: "invalid-secret" });
  });

  test("reads the file again when its time changed, and else only when asked for fresh", async () => {
    const secrets = new FileSecrets(file);
    const then = new Date(1_700_000_000_000);
    utimesSync(file, then, then);
    await secrets.read("plain");
    write({ plain: "next" });
    expect(await texts(secrets, "plain")).toEqual(["next"]);
    utimesSync(file, then, then);
    await secrets.read("plain");
    write({ plain: "last" });
    utimesSync(file, then, then);
    expect(await texts(secrets, "plain")).toEqual(["next"]);
    expect(await texts(secrets, "plain", true)).toEqual(["last"]);
  });

  test.each(["absent", "constructor"])("names the secret and the file when %s is not in it", async (name) => {
    await expect(new FileSecrets(file).read(name)).rejects.toMatchObject({
      code: "invalid-secret",
      message: `There is no secret "${name}" in the file ${file}.`,
    });
  });

  test.each([[""], [[]], [["a", ""]], [["a", "b", "c"]], [5], [null], [[["a"]]]])(
    "refuses the value %j",
    async (value) => {
      write({ odd: value });
      await expect(new FileSecrets(file).read("odd")).rejects.toMatchObject({
        code: "invalid-secret",
        message: expect.stringContaining('"odd"'),
      });
    },
  );

  test("says where broken JSON breaks and quotes nothing of it", async () => {
    write('{\n  "plain": "hunter2" "x"\n}');
    const error: unknown = await new FileSecrets(file).read("plain").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "invalid-secret", message: expect.stringContaining("(line 2 column") });
    expect(error).not.toHaveProperty("cause");
    expect(String(error)).not.toContain("hunter2");
  });

  test.each(["[]", "null", '"text"'])("refuses %s in place of an object", async (content) => {
    write(content);
    await expect(new FileSecrets(file).read("plain")).rejects.toMatchObject({ message: expect.stringContaining(file) });
  });

  test("says that a file is missing", async () => {
    const missing = join(folder, "none.json");
    await expect(new FileSecrets(missing).read("plain")).rejects.toMatchObject({
      code: "invalid-secret",
      message: expect.stringContaining("ENOENT"),
    });
  });
});
