// The configuration: what a right file gives, and the URLs that names become.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${name} is the placeholder of the file itself
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findCollisions, mirrorsOf, mirrorUrl, parseConfig, sourceUrl } from "../src/config.ts";
import { isRepositoryName, parseRepositoryName, type RepositoryName } from "../src/model/repository.ts";
import { file, first, type Json, mirror, parse } from "./config-file.ts";

const repository = (text: string) => parseRepositoryName(text);

describe("a right file", () => {
  test("may be as short as a source, a pattern and a mirror; the rest has defaults", () => {
    const config = parse();
    expect(config).toMatchObject({
      source: { url: "https://gerrit.example", insecure: false, concurrency: 8 },
      webhook: { sourceAddresses: [] },
      skip: [],
      sweepMinutes: 10,
      guard: { deletionsMin: 3, percent: 20, deletionsMax: 100 },
      mirrors: [
        { name: "backup", concurrency: 10, insecure: false, naming: { slash: "/" }, repositories: [], skip: [] },
      ],
    });
    expect(config.refs.map(({ text }) => text)).toEqual(["refs/heads/*", "refs/tags/*"]);
    expect(first(config.mirrors).refs.map(({ text }) => text)).toEqual(["refs/heads/*", "refs/tags/*"]);
    expect(config.source).not.toHaveProperty("secret");
  });

  test("is what the committed example is", () => {
    const config = parseConfig(readFileSync(new URL("../mirror.config.example.json", import.meta.url), "utf8"));
    expect(config.mirrors.map(({ name, host }) => [name, host])).toEqual([
      ["github", "github"],
      ["bitbucket", "bitbucket-cloud"],
      ["backup", "git"],
    ]);
  });

  test("may begin with a byte order mark", () => {
    expect(parseConfig(`\ufeff${JSON.stringify(file())}`).mirrors).toHaveLength(1);
  });

  test.each([
    ["http on 127.0.0.0/8", { source: { url: "http://127.3.2.1:8080/gerrit" } }],
    ["http on ::1", { source: { url: "http://[::1]:8080" } }],
    ["http on localhost", { source: { url: "http://localhost" } }],
    ["http elsewhere when marked", { source: { url: "http://gerrit.example", insecure: true } }],
    ["one exact repository and a fixed URL", { repositories: ["a/b"], mirrors: { x: mirror({ url: "https://h/b" }) } }],
    ["addresses and blocks", { webhook: { sourceAddresses: ["::1", "10.0.0.0/8", "2001:db8::/32", "192.0.2.1"] } }],
    ["a ref by its full name", { refs: ["refs/heads/main", "^refs/heads/(a|b)$", "refs/meta/config", "refs/*"] }],
    ["a $schema", { $schema: "./mirror.config.schema.json" }],
  ] as [string, Json][])("may have %s", (_, fields) => {
    expect(parse(fields).mirrors).toHaveLength(1);
  });

  test("has ref patterns that match the wire's bytes", () => {
    const pattern = first(parse({ refs: ["refs/heads/grün*"] }).refs);
    expect(pattern.text).toBe("refs/heads/grün*");
    expect(pattern.matches(Buffer.from("refs/heads/grüner", "utf8").toString("latin1"))).toBe(true);
  });
});

describe("the mirrors of a repository", () => {
  const config = parse({
    repositories: ["platform/*", "tools"],
    skip: ["^.*/sandbox$"],
    mirrors: { all: mirror(), some: mirror({ repositories: ["docs/*", "tools"], skip: ["docs/old"] }) },
  });

  test.each([
    ["platform/core", ["all"]],
    ["tools", ["all", "some"]],
    ["docs/new", ["some"]],
    ["docs/old", []],
    ["docs/sandbox", []],
    ["other", []],
  ])("%s is carried by %j", (name, expected) => {
    expect(mirrorsOf(config, repository(name)).map((carrying) => carrying.name)).toEqual(expected);
  });
});

describe("URLs", () => {
  const config = parse({
    source: { url: "https://gerrit.example/r/" },
    mirrors: {
      dash: mirror({ name: { strip: "platform/", slash: "-" } }),
      nested: mirror({ url: "https://h/g/${name}/${name}" }),
    },
  });
  const [dash, nested] = config.mirrors;
  if (dash === undefined || nested === undefined) throw new Error("two mirrors were configured");

  test("have the repository's name in percent-encoding, slashes as the naming says", () => {
    const name = repository("platform/a b/50%+ü&$&");
    expect(mirrorUrl(dash, name)).toBe("https://mirror.example/a%20b-50%25%2B%C3%BC%26%24%26.git");
    expect(mirrorUrl(nested, repository("a/b c"))).toBe("https://h/g/a/b%20c/a/b%20c");
    expect(mirrorUrl(dash, repository("other/platform/x"))).toBe("https://mirror.example/other-platform-x.git");
  });

  test("of the source go below /a/ only with a credential", () => {
    const name = repository("a b/c");
    expect(sourceUrl(config, name, { authenticated: true })).toBe("https://gerrit.example/r/a/a%20b/c");
    expect(sourceUrl(config, name, { authenticated: false })).toBe("https://gerrit.example/r/a%20b/c");
  });

  test("cannot be made where the mapping leaves no name", () => {
    const broken = first(parse({ mirrors: { x: mirror({ name: { strip: "platform" } }) } }).mirrors);
    expect(() => mirrorUrl(broken, repository("platform"))).toThrow('"platform" becomes ""');
    expect(() => mirrorUrl(broken, repository("platform../x"))).toThrow("expected a mapping");
  });

  const names = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter(isRepositoryName);

  test("never leave the path that the template gives, and decode to the name", () => {
    fc.assert(
      fc.property(names, (name) => {
        const url = new URL(mirrorUrl(nested, name));
        expect(url.origin).toBe("https://h");
        expect(url.search + url.hash).toBe("");
        expect(decodeURIComponent(url.pathname)).toBe(`/g/${name}/${name}`);
        expect(decodeURIComponent(new URL(sourceUrl(config, name, { authenticated: true })).pathname)).toBe(
          `/r/a/${name}`,
        );
      }),
    );
  });
});

describe("collisions", () => {
  const all = (...names: string[]) => names.map((name) => repository(name));

  test("are found by name, by case and across mirrors, each with its repositories", () => {
    const config = parse({
      mirrors: {
        one: mirror({ url: "https://h/${name}", name: { slash: "-" }, repositories: ["a*", "A*"] }),
        two: mirror({ url: "https://H/${name}", name: { strip: "b/" }, repositories: ["b/*"] }),
      },
    });
    expect(findCollisions(config, all("a/x", "a-x", "ax", "b/ax", "b/A-X", "c"))).toEqual([
      { mirror: "one", url: "https://h/a-x", repositories: ["a/x", "a-x", "b/A-X"] },
      { mirror: "one", url: "https://h/ax", repositories: ["ax", "b/ax"] },
    ]);
  });

  test("are not what two mirrors of one repository at one place are", () => {
    const config = parse({ mirrors: { one: mirror(), two: mirror() } });
    expect(findCollisions(config, all("a", "b"))).toEqual([]);
  });

  test("never exist while slashes are kept and names differ by more than case", () => {
    const unique = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z/ü-]{0,12}[a-z]$/).filter(isRepositoryName));
    fc.assert(fc.property(unique, (names: RepositoryName[]) => findCollisions(parse(), names).length === 0));
  });
});
