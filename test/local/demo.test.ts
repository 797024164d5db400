// The demonstration as a newcomer runs it, with the real handlers and the installed git.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const PROGRAM = fileURLToPath(new URL("../../local/start.ts", import.meta.url));

test("npm start -- --once proves a mirror equal, ends with 0 and leaves no file behind", async () => {
  await using folder = await makeTemporaryFolder();
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", PROGRAM, "--once"], {
    env: { PATH: process.env.PATH, TMPDIR: folder.path, HOME: folder.path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  expect([code, output]).toEqual([0, expect.stringMatching(/They are the same, ref for ref/)]);
  const rows = [...output.matchAll(/^ {3}([0-9a-f]{10}) {2}([0-9a-f]{10}) {2}(refs\/\S+)$/gm)];
  expect(rows.map(([, , , ref]) => ref)).toEqual([
    "refs/heads/feature/greeting",
    "refs/heads/main",
    "refs/tags/v1.0",
    "refs/tags/v1.0^{}",
  ]);
  for (const [, source, mirror] of rows) expect(mirror).toBe(source);
  expect(output).toMatch(/\d+ ms from the post until the mirror's main was/);
  expect(await readdir(folder.path)).toEqual([]);
});
