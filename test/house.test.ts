// The rules of the house (design 5): who may import whom, what appears where, and how long and how well headed files are.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** `code` is the text without comments, `bare` the code without what stands between quotes. */
type File = { path: string; text: string; code: string; bare: string; imports: string[] };

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PRODUCTION = ["src", "functions", "bin", "local", "infra"].flatMap(filesBelow);
const ALL = [...PRODUCTION, ...["test", "bench"].flatMap(filesBelow)];

/** What stands at the bottom: values, errors, names. */
const GROUND = ["src/contract.ts", "src/errors.ts", "src/model"];
const TYPE_IMPORT = /^import type\b[^;]*;/gm;
const CONFIG = /^src\/config(?:-[a-z]+)?\.ts$/;

/** Layer -> layers it may import besides itself. `src` stands for the use cases, which are the files not named here. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "src/contract.ts": [],
  "src/errors.ts": ["src/contract.ts"],
  "src/model": ["src/contract.ts", "src/errors.ts"],
  "src/ports.ts": GROUND,
  "src/wire": GROUND,
  "src/plan": [...GROUND, "src/ports.ts"],
  "src/gerrit": [...GROUND, "src/ports.ts"],
  "src/host": [...GROUND, "src/ports.ts"],
  config: [...GROUND, "src/host"],
  "src/remote": [...GROUND, "src/ports.ts", "src/wire", "src/plan", "src/gerrit", "src/host"],
  "src/transfer": [...GROUND, "src/ports.ts", "src/wire", "src/plan", "src/gerrit", "src/host", "src/remote"],
  "src/adapters": [...GROUND, "src/ports.ts", "config"],
  src: [
    ...[...GROUND, "src/ports.ts", "config", "src/wire", "src/plan", "src/gerrit", "src/host"],
    ...["src/remote", "src/transfer"],
  ],
  infra: ["src/contract.ts", "config"],
};

describe("imports", () => {
  test("go from the use cases down, never up or sideways", () => {
    const wrong = imported(PRODUCTION).filter(({ from, to }) => {
      const allowed = MAY_IMPORT[layerOf(from)];
      return allowed !== undefined && layerOf(to) !== layerOf(from) && !allowed.includes(layerOf(to));
    });
    expect(wrong).toEqual([]);
  });

  test("of functions, bin and local never reach each other's files, except that local calls functions", () => {
    const wrong = imported(PRODUCTION).filter(({ from, to }) => {
      const [top, other] = [topOf(from), topOf(to)];
      return other !== "src" && other !== top && !(top === "local" && other === "functions");
    });
    expect(wrong).toEqual([]);
  });

  test("name a file with its ending, and a file that is there", () => {
    const paths = new Set(ALL.map(({ path }) => path));
    const wrong = imported(ALL).filter(({ to }) => !paths.has(to) && !to.endsWith(".json"));
    expect(wrong).toEqual([]);
  });

  test("make no circle", () => {
    // Types alone may: they are stripped before anything runs.
    const values = PRODUCTION.map((file) => ({ ...file, imports: importsOf(file.code.replace(TYPE_IMPORT, "")) }));
    expect(circleOf(new Map(values.map((file) => [file.path, imported([file]).map(({ to }) => to)])))).toEqual([]);
  });

  test("of the contract are none at all", () => {
    expect(PRODUCTION.find(({ path }) => path === "src/contract.ts")?.imports).toEqual([]);
  });

  test("are not handed on: no file exports what another one defines", () => {
    expect(matching(PRODUCTION, /^export\b[^;=(]*\bfrom\s+"/m)).toEqual([]);
  });

  test("of the AWS SDK are in the adapters, and in local for its own queues", () => {
    const wrong = PRODUCTION.filter(({ imports }) => imports.some((name) => /^@?aws-sdk/.test(name)));
    expect(paths(wrong.filter(({ path }) => !/^(?:src\/adapters|local)\//.test(path)))).toEqual([]);
    expect(wrong.length).toBeGreaterThan(0);
  });

  test("of model, wire and plan reach no file, network, process or package", () => {
    const pure = PRODUCTION.filter(({ path }) => /^src\/(?:model|wire|plan)\//.test(path));
    const wrong = pure.filter(({ imports }) => imports.some((name) => !name.startsWith(".") && name !== "node:crypto"));
    expect(paths(wrong)).toEqual([]);
    expect(pure.length).toBeGreaterThan(20);
  });
});

describe("in no file", () => {
  test("of src stands process.env, which is for functions, bin and local", () => {
    const outside = PRODUCTION.filter(({ path }) => !/^(?:functions|bin|local)\//.test(path));
    expect(matching(outside, /\bprocess\s*\.\s*env\b|\bprocess\[|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/)).toEqual([]);
  });

  test("of wire and plan is anything asynchronous, timed or read from a clock", () => {
    const synchronous = PRODUCTION.filter(({ path }) => /^src\/(?:wire|plan)\//.test(path));
    const words = /\b(?:async|await|Promise|setTimeout|setInterval|setImmediate|Date\.now|Math\.random|performance)\b/;
    expect(matching(synchronous, words)).toEqual([]);
  });

  test("are more than 250 lines", () => {
    expect(paths(ALL.filter(({ text }) => text.split("\n").length - 1 > 250))).toEqual([]);
  });

  test("is a test left out, singled out or put off, or a module replaced", () => {
    const tests = ALL.filter(({ path }) => path.startsWith("test/"));
    expect(matching(tests, /\b(?:test|it|describe|suite|bench)(?:\.\w+)*\.(?:skip|only|todo|fails)\b/)).toEqual([]);
    expect(matching(tests, /\bvi\.(?:mock|doMock|hoisted)\b|\bxtest\b|\bxit\b/)).toEqual([]);
    expect(matching(tests, /\bfrom "node:test"/)).toEqual([]);
  });

  test("is the type `any`, an assertion without a check, or syntax that cannot be stripped", () => {
    expect(matching(ALL, /[:<|&,(]\s*any\b|\bas any\b|\bany\[\]/, "bare")).toEqual([]);
    expect(matching(ALL, /@ts-(?:ignore|nocheck|expect-error)/, "text")).toEqual([]);
    expect(matching(ALL, /^\s*(?:export\s+)?(?:const\s+)?(?:enum|namespace)\s+\w+\s*\{/m)).toEqual([]);
    expect(matching(ALL, /constructor\([^)]*\b(?:private|public|protected|readonly)\s+\w+\s*[:,)]/)).toEqual([]);
  });

  test("is work put off in a comment", () => {
    expect(matching(PRODUCTION, /\b(?:TODO|FIXME|XXX|HACK)\b/, "text")).toEqual([]);
  });
});

test("every file opens with a sentence that says what it is for", () => {
  const wrong = ALL.filter(({ text }) => !/^(?:#!.*\n)?\/\/ [\w`].{15,}/.test(text));
  expect(paths(wrong)).toEqual([]);
});

function filesBelow(folder: string): File[] {
  let names: string[];
  try {
    names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const path = `${folder}/${name}`;
      const text = readFileSync(join(ROOT, path), "utf8");
      const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
      const bare = code.replace(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, '""');
      return { path, text, code, bare, imports: importsOf(code) };
    });
}

function importsOf(code: string): string[] {
  const statements = /^\s*(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']/gm;
  return [...code.matchAll(statements)].map((match) => match[1] ?? match[2] ?? "");
}

/** Imports of our own files, as paths. */
function imported(files: readonly File[]): { from: string; to: string }[] {
  return files.flatMap(({ path, imports }) =>
    imports
      .filter((name) => name.startsWith("."))
      .map((name) => ({ from: path, to: normalize(join(dirname(path), name)) })),
  );
}

function layerOf(path: string): string {
  if (CONFIG.test(path)) return "config";
  if (path in MAY_IMPORT) return path;
  const [top = "", folder = ""] = path.split("/");
  if (top !== "src") return top;
  return path.split("/").length > 2 ? `src/${folder}` : "src";
}

function topOf(path: string): string {
  return path.split("/")[0] ?? "";
}

function matching(files: readonly File[], pattern: RegExp, part: "code" | "text" | "bare" = "code"): string[] {
  return paths(files.filter((file) => file.path !== "test/house.test.ts" && pattern.test(file[part])));
}

function paths(files: readonly File[]): string[] {
  return files.map(({ path }) => path);
}

/** The files of one circle of imports, or none. */
function circleOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]): string[] => {
    if (above.includes(path)) return [...above.slice(above.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const next of graph.get(path) ?? []) {
      const circle = visit(next, [...above, path]);
      if (circle.length > 0) return circle;
    }
    done.add(path);
    return [];
  };
  for (const path of graph.keys()) {
    const circle = visit(path, []);
    if (circle.length > 0) return circle;
  }
  return [];
}
