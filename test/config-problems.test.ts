// Every way a configuration file can be wrong: the line that tells it, and the secrets that no line tells.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${name} is the placeholder of the file itself
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { file, type Json, linesFor, mirror, refusal } from "./config-file.ts";

const LONG = "x".repeat(120);

/** Each row: the fields that are wrong, the path that is named, and words of the line. */
const WRONG: [Json, string, ...string[]][] = [
  [{ source: undefined }, "source", "missing", "an object"],
  [{ source: "https://gerrit.example" }, "source", '"https://gerrit.example" is not allowed', "an object"],
  [{ source: {} }, "source.url", "missing", "an https:// URL"],
  [{ source: { url: 7 } }, "source.url", "7 is not allowed", "an https:// URL"],
  [{ source: { url: "gerrit.example" } }, "source.url", '"gerrit.example" is not allowed', "an https:// URL"],
  [{ source: { url: "ssh://gerrit.example:29418" } }, "source.url", '"ssh://gerrit.example:29418"', "https"],
  [{ source: { url: "https:gerrit.example" } }, "source.url", "https://"],
  [{ source: { url: " https://gerrit.example" } }, "source.url", '" https://gerrit.example" is not allowed'],
  [{ source: { url: "https://gerrit.example/?x" } }, "source.url", "without ? and #"],
  [{ source: { url: "https://gerrit.example/#x" } }, "source.url", "without ? and #"],
  [{ source: { url: "https://gerrit.example/a" } }, "source.url", "without /a"],
  [{ source: { url: "https://gerrit.example/${name}" } }, "source.url", "without placeholders"],
  [{ source: { url: "https://me@gerrit.example" } }, "source.url", "without user and password"],
  [{ source: { url: "http://gerrit.example" } }, "source.url", '"insecure": true'],
  [{ source: { url: "http://127.0.0.1.evil.example" } }, "source.url", '"insecure": true'],
  [{ source: { url: "https://g.example", insecure: "yes" } }, "source.insecure", '"yes"', "true or false"],
  [{ source: { url: "https://g.example", secret: "a b" } }, "source.secret", "not shown", "name of a secret"],
  [{ source: { url: "https://g.example", ca: "" } }, "source.ca", '"" is not allowed', "not empty"],
  [{ source: { url: "https://g.example", concurrency: 0 } }, "source.concurrency", "0", "integer from 1 to 100"],
  [{ source: { url: "https://g.example", concurrency: 101 } }, "source.concurrency", "101", "from 1 to 100"],
  [{ source: { url: "https://g.example", concurency: 9 } }, "source.concurency", "unknown key", 'mean "concurrency"?'],
  [{ webhook: [] }, "webhook", "[] is not allowed", "an object"],
  [{ webhook: { secret: 5 } }, "webhook.secret", "not shown", "name of a secret"],
  [{ webhook: { secret: "a", signingSecret: "a" } }, "webhook.signingSecret", "another secret"],
  [{ webhook: { sourceAddresses: "10.0.0.1" } }, "webhook.sourceAddresses", '"10.0.0.1"', "list of addresses"],
  [{ webhook: { sourceAddresses: ["10.0.0.1", "10.0.0.256"] } }, "webhook.sourceAddresses[1]", "10.0.0.256", "IP"],
  [{ webhook: { sourceAddresses: ["10.0.0.0/33"] } }, "webhook.sourceAddresses[0]", "10.0.0.0/33", "block"],
  [{ webhook: { sourceAddresses: ["fe80::1%eth0"] } }, "webhook.sourceAddresses[0]", "fe80::1%eth0"],
  [{ repositories: undefined }, "repositories", "missing", "list of patterns"],
  [{ repositories: [] }, "repositories", "[] is not allowed", "at least one pattern"],
  [{ repositories: "platform/*" }, "repositories", '"platform/*"', "list of patterns"],
  [{ repositories: ["a", "^(b"] }, "repositories[1]", '"^(b"', "does not compile"],
  [{ repositories: [""] }, "repositories[0]", '"" is not allowed', "exact repository name"],
  [{ repositories: ["platform/"] }, "repositories[0]", '"platform/"', "prefix ending in *"],
  [{ repositories: ["a/*/b"] }, "repositories[0]", '"a/*/b"', "regular expression"],
  [{ skip: "x" }, "skip", '"x"', "list of patterns"],
  [{ skip: [null] }, "skip[0]", "null is not allowed", "exact repository name"],
  [{ refs: ["heads/main"] }, "refs[0]", '"heads/main"', "refs/heads/*"],
  [{ refs: ["^.*"] }, "refs[0]", '"^.*"', "^refs/"],
  [{ refs: ["refs/heads/a b"] }, "refs[0]", '"refs/heads/a b"', "full ref name"],
  [{ refs: ["+refs/heads/*:refs/heads/*"] }, "refs[0]", "full ref name"],
  [{ refs: ["^refs/["] }, "refs[0]", "does not compile"],
  [{ refs: [] }, "refs", "at least one pattern"],
  [{ sweepMinutes: 0 }, "sweepMinutes", "0 is not allowed", "integer from 1 to 1440"],
  [{ sweepMinutes: 1441 }, "sweepMinutes", "1441", "from 1 to 1440"],
  [{ sweepMinutes: 1.5 }, "sweepMinutes", "1.5 is not allowed", "integer"],
  [{ sweepMinutes: "10" }, "sweepMinutes", '"10" is not allowed', "integer"],
  [{ guard: { percent: 101 } }, "guard.percent", "101", "from 0 to 100"],
  [{ guard: { percent: -1 } }, "guard.percent", "-1", "from 0 to 100"],
  [{ guard: { deletionsMin: 2.5 } }, "guard.deletionsMin", "2.5", "integer"],
  [{ guard: { deletionsMax: -1 } }, "guard.deletionsMax", "-1", "integer"],
  [{ guard: { max: 1 } }, "guard.max", "unknown key", '"deletionsMin", "percent", "deletionsMax"'],
  [{ mirrors: undefined }, "mirrors", "missing", "one key for each mirror"],
  [{ mirrors: {} }, "mirrors", "{} is not allowed", "at least one mirror"],
  [{ mirrors: [] }, "mirrors", "[] is not allowed", "an object"],
  [{ mirrors: { GitHub: mirror() } }, "mirrors.GitHub", '"GitHub" is not allowed', "lower-case"],
  [{ mirrors: { "a b": mirror() } }, 'mirrors["a b"]', '"a b" is not allowed', "lower-case"],
  [{ mirrors: { x: mirror({ host: "bitbucket" }) } }, "mirrors.x.host", '"bitbucket"', 'one of "github", "gitlab"'],
  [{ mirrors: { x: mirror({ host: undefined }) } }, "mirrors.x.host", "missing", 'one of "github"'],
  [{ mirrors: { x: mirror({ url: "https://h/x.git" }) } }, "mirrors.x.url", '"https://h/x.git"', "${name}"],
  [{ mirrors: { x: mirror({ url: "https://${name}.h/x" }) } }, "mirrors.x.url", "${name} in its path"],
  [{ mirrors: { x: mirror({ url: "https://h/${nam}" }) } }, "mirrors.x.url", "only placeholder is ${name}"],
  [{ mirrors: { x: mirror({ url: "https://h/${name}?a=${name}" }) } }, "mirrors.x.url", "without ? and #"],
  [{ mirrors: { x: mirror({ url: "http://h/${name}" }) } }, "mirrors.x.url", '"http://h/${name}"', "insecure"],
  [{ mirrors: { x: mirror({ url: "git@github.com:acme/${name}" }) } }, "mirrors.x.url", "https"],
  [{ mirrors: { x: mirror({ url: `https://h/${LONG}` }) } }, "mirrors.x.url", `"https://h/${"x".repeat(86)}... is`],
  [{ mirrors: { x: mirror({ concurrency: 1 }) } }, "mirrors.x.concurrency", "1", "from 2 to 1000"],
  [{ mirrors: { x: mirror({ concurrency: 1001 }) } }, "mirrors.x.concurrency", "1001", "from 2 to 1000"],
  [{ mirrors: { x: mirror({ name: { slash: "+" } }) } }, "mirrors.x.name.slash", '"+"', 'one of "/", "-"'],
  [{ mirrors: { x: mirror({ name: { strip: "" } }) } }, "mirrors.x.name.strip", "not empty"],
  [{ mirrors: { x: mirror({ name: { slsh: "-" } }) } }, "mirrors.x.name.slsh", 'did you mean "slash"?'],
  [{ mirrors: { x: mirror({ create: {} }) } }, "mirrors.x.create.visibility", "missing", '"private"'],
  [{ mirrors: { x: mirror({ create: true }) } }, "mirrors.x.create", "true is not allowed", "an object"],
  [{ mirrors: { x: mirror({ repositories: [] }) } }, "mirrors.x.repositories", "at least one pattern"],
  [{ mirrors: { x: mirror({ refs: ["HEAD"] }) } }, "mirrors.x.refs[0]", '"HEAD"', "full ref name"],
  [{ mirrors: { x: mirror({ hots: "git" }) } }, "mirrors.x.hots", "unknown key", 'did you mean "host"?'],
  [{ mirorrs: {} }, "mirorrs", "unknown key", '"source", "webhook"', 'did you mean "mirrors"?'],
];

describe("a wrong file", () => {
  test.each(WRONG)("%j is refused at %s", (fields, path, ...words) => {
    const lines = linesFor(file(fields));
    const line = lines.find((candidate) => candidate.startsWith(`${path}: `));
    expect(line, lines.join("\n")).toBeDefined();
    for (const word of words) expect(line).toContain(word);
  });

  test("that is no object at all is told so", () => {
    for (const value of [[], null, "x", 3]) {
      expect(linesFor(value).join("\n")).toContain(
        `(the whole file): ${JSON.stringify(value)} is not allowed; expected`,
      );
    }
  });

  test("is told all of its faults at once, of fields and between them", () => {
    const lines = linesFor({
      source: { url: "http://gerrit.example", concurrency: "many" },
      webhok: {},
      repositories: ["^("],
      mirrors: { A: { host: "hub", url: "https://h/fixed" }, b: { url: 3 } },
    });
    expect(lines.map((line) => line.split(": ")[0]).sort()).toEqual(
      ["mirrors.A", "mirrors.A.host", "mirrors.A.url", "mirrors.b.host", "mirrors.b.url", "repositories[0]"].concat([
        "source.concurrency",
        "source.url",
        "webhok",
      ]),
    );
  });

  test("has the code invalid-configuration", () => {
    expect(refusal("{}").code).toBe("invalid-configuration");
    expect(refusal("{").code).toBe("invalid-configuration");
  });

  test("cannot smuggle a mirror or key in as __proto__", () => {
    const text = JSON.stringify(file({ PLACE: {}, mirrors: { PLACE: mirror() } })).replaceAll("PLACE", "__proto__");
    const { message } = refusal(text);
    expect(message).toMatch(/^__proto__: unknown key/m);
    expect(message).toMatch(/^mirrors\.__proto__: "__proto__" is not allowed/m);
  });

  test("whose exact repositories meet in one name on a mirror is refused, also when they differ by case only", () => {
    const x = mirror({ name: { slash: "-" } });
    expect(linesFor(file({ repositories: ["a/b", "A-b"], mirrors: { x } }))).toEqual([
      'mirrors.x.name: "a/b" and "A-b" both become https://mirror.example/a-b.git; expected a mapping that keeps them apart',
    ]);
  });

  test.each([
    ["platform", "platform", ""],
    ["platform", "platform/x", "/x"],
    ["p", "p../x", "../x"],
  ])("that strips %j from %j is refused where no name is left", (strip, name, left) => {
    const text = JSON.stringify(file({ repositories: [name], mirrors: { x: mirror({ name: { strip } }) } }));
    expect(refusal(text).message).toContain(`becomes ${JSON.stringify(left)}; expected`);
  });
});

describe("a secret in the file", () => {
  const places: [string, (secret: string) => unknown][] = [
    ["a URL's password", (secret) => file({ source: { url: `https://me:${secret}@gerrit.example/?x` } })],
    ["a URL's user", (secret) => file({ source: { url: `https://${secret}@gerrit.example` } })],
    ["a URL without scheme", (secret) => file({ source: { url: `me:${secret}@gerrit.example` } })],
    ["a URL's query", (secret) => file({ source: { url: `https://gerrit.example/?private_token=${secret}` } })],
    ["a URL's fragment", (secret) => file({ mirrors: { x: mirror({ url: `https://h/\${name}#${secret}` }) } })],
    ["a secret's name", (secret) => file({ source: { url: "https://g.example", secret: `${secret} ` } })],
    ["a secret's object", (secret) => file({ webhook: { secret: { token: secret } } })],
    ["equal names", (secret) => file({ webhook: { secret, signingSecret: secret } })],
    ["an unknown key's value", (secret) => file({ token: secret })],
    ["a wrong place", (secret) => file({ mirrors: [{ password: secret, auth: [secret] }] })],
    ["a mirror's name", (secret) => file({ mirrors: { [`https://me:${secret}@h`]: mirror() } })],
    ["an unknown key", (secret) => file({ [`https://me:${secret}@h`]: 1 })],
  ];

  test.each(places)("as %s is in no message", (_, build) => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Z0-9]{12,40}$/), (secret) => {
        expect(refusal(JSON.stringify(build(secret))).message).not.toContain(secret);
      }),
      { numRuns: 20 },
    );
  });

  test("is in no message about broken JSON, nor in its cause", () => {
    const error = refusal('{"source": {"url": "https://me:HUNTER2@gerrit.example" "HUNTER2"');
    expect(error.message).toBe('The configuration is no JSON: line 1 column 56: expected "," or "}".');
    expect(error.cause).toBeUndefined();
  });
});
