// The program: what it refuses, and in which words and exit codes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeTemporaryFolder, type TemporaryFolder } from "../support/temporary-folder.ts";

const PROGRAM = fileURLToPath(new URL("../../local/start.ts", import.meta.url));

let temporary: TemporaryFolder;

beforeEach(async () => {
  temporary = await makeTemporaryFolder();
});

afterEach(() => temporary.remove());

describe("npm start", () => {
  test("prints its help", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    expect(stdout).toContain("--config FILE --secrets FILE");
  });

  test.each([
    [["--nothing"], /Unknown option '--nothing'/],
    [["extra"], /Unexpected argument 'extra'/],
    [["--port", "8080"], /--port goes together with --config/],
    [["--secrets", "x"], /--secrets goes together with --config/],
    [["--config", "x"], /--config needs --secrets FILE/],
    [["--config", "x", "--secrets", "y", "--once"], /--once belongs to the demonstration/],
    [["--config", "x", "--secrets", "y", "--port", "70000"], /--port is "70000"; expected a number from 0 to 65535/],
    [["--config", "x", "--secrets", "y", "--port", "-1"], /--port/],
  ])("refuses %j with exit code 2 and a sentence", async (args, sentence) => {
    const { code, stdout, stderr } = await run(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/ at .*\.ts/);
  });

  test("refuses a configuration file that is not there or wrong with exit code 2", async () => {
    const configFile = join(temporary.path, "mirror.config.json");
    const missing = await run("--config", configFile, "--secrets", configFile);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining(configFile)]);
    await writeFile(configFile, '{"sweepMinutes": 0}');
    const wrong = await run("--config", configFile, "--secrets", configFile);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("sweepMinutes")]);
  });
});

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", PROGRAM, ...args], { stdio: "pipe" });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  const [code] = (await once(child, "close")) as [number];
  return { code, ...output };
}
