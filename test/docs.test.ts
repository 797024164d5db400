// The documents say what the code does: codes have headings, links lead somewhere, flags exist, configurations parse.
import { execFile } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";
import { ERROR_CODES } from "../src/errors.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const documents = ["README.md", "CONTRIBUTING.md", ...globSync("docs/**/*.md", { cwd: root })];
const read = (path: string): string => readFileSync(join(root, path), "utf8");

describe("the runbook", () => {
  test("has a heading for each error code, in the order of the table", () => {
    const headings = Array.from(read("docs/runbook.md").matchAll(/^## (.+)$/gm), ([, heading]) => heading);
    expect(headings).toEqual(ERROR_CODES);
  });
});

describe("links", () => {
  test.each(documents)("of %s lead to files and headings that are there", (document) => {
    expect(linksOf(read(document)).filter((link) => !leadsSomewhere(document, link))).toEqual([]);
  });
});

describe("the README's commands", () => {
  const readme = read("README.md");

  test.each(["mirror", "plan", "sweep", "status", "webhook"])(
    "%s knows the flags that it is given",
    async (command) => {
      const used = flagsOf(readme, new RegExp(`gerrit-mirror ${command}\\b([^\`\\n]*)`, "g"));
      const help = await printed("bin/gerrit-mirror.ts", command, "--help");
      // The help of `plan` refers to that of `mirror`.
      const more = command === "plan" ? await printed("bin/gerrit-mirror.ts", "mirror", "--help") : "";
      expect(used.filter((flag) => !`${help}${more}`.includes(flag))).toEqual([]);
    },
  );

  test("npm start knows the flags that it is given", async () => {
    const used = flagsOf(readme, /npm start --( [^`\n]*)/g);
    const help = await printed("local/start.ts", "--help");
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((flag) => !help.includes(flag))).toEqual([]);
  });

  test("take each flag that it speaks of, but for those it says are not there yet", async () => {
    const [present = ""] = readme.split("## What is not there yet");
    const used = flagsOf(present, /([^\n]*)/g);
    const commands = ["mirror", "plan", "sweep", "status", "webhook"];
    const helps = commands.map((name) => printed("bin/gerrit-mirror.ts", name, "--help"));
    const all = (await Promise.all([...helps, printed("local/start.ts", "--help")])).join("\n");
    expect(used.filter((flag) => !all.includes(flag))).toEqual([]);
  });

  test("name scripts that package.json has", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = Array.from(`${readme}${read("CONTRIBUTING.md")}`.matchAll(/npm run ([\w:]+)/g), ([, name]) => name);
    expect(named.filter((name) => name === undefined || !(name in scripts))).toEqual([]);
  });
});

describe("configurations", () => {
  test("the example can be parsed", () => {
    expect(() => parseConfig(read("mirror.config.example.json"))).not.toThrow();
  });

  test("the README's can be parsed, and its secrets file has every secret that it names", () => {
    const blocks = Array.from(read("README.md").matchAll(/^```json\n([\s\S]*?)^```$/gm), ([, text]) => text ?? "");
    const [config = "", secrets = ""] = blocks;
    const { source, webhook, mirrors } = parseConfig(config);
    const named = [source, webhook, ...mirrors].map(({ secret }) => secret).filter((name) => name !== undefined);
    expect(Object.keys(JSON.parse(secrets)).sort()).toEqual(named.sort());
  });
});

/** Targets of the links, but for other sites. */
function linksOf(text: string): string[] {
  return Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link ?? "").filter(
    (link) => !/^https?:/.test(link),
  );
}

function leadsSomewhere(document: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? document : join(dirname(document), path);
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || anchorsOf(read(target)).includes(anchor);
}

/** As GitHub makes them: lower case, dashes for spaces, no punctuation. */
function anchorsOf(text: string): string[] {
  return Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .replace(/\s/g, "-"),
  );
}

/** `command` has one group: the words behind it. */
function flagsOf(text: string, command: RegExp): string[] {
  const words = Array.from(text.matchAll(command), ([, rest = ""]) => rest);
  return [...new Set(words.flatMap((rest) => rest.match(/(?<=[\s`]|^)--[a-z][\w-]*/g) ?? []))];
}

async function printed(...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: root });
  return stdout;
}
