// Credentials and proxies: used from the first request on, and printed nowhere, whatever fails.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import { Secret } from "../../src/model/secret.ts";
import { openMirror, openSource } from "../../src/remote/open.ts";
import { refusingUrl } from "../support/faults.ts";
import { installHook } from "../support/repositories.ts";
import { expectNoSecret, gerritMirror } from "./command.ts";
import { type HttpProxy, startHttpProxy } from "./http-proxy.ts";
import { type Story, startStory } from "./story.ts";

describe("credentials", () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

  test.each([basic("robot:pa:ss wörd"), "Bearer token-of-a-robot"])(
    "go out with the first request: %s",
    async (authorization) => {
      await using story = await startStory({ server: { authorization } });
      const http = createHttpClient();
      const endpoint = (side: "source" | "mirror") => ({
        side,
        url: story.urlOf(side),
        authorization: async () => new Secret(authorization),
      });
      const { report } = await story.run({
        source: openSource(http, endpoint("source"), story.memory),
        mirror: openMirror(http, endpoint("mirror"), story.memory),
      });
      http.close();
      expect(report.outcome).toBe("equal");
      expect(story.server.requests.filter(({ status }) => status === 401)).toEqual([]);
      await story.prove();
    },
  );

  test("without one the refusal says so", async () => {
    await using story = await startStory({ server: { authorization: basic("robot:word") } });
    const { report } = await story.run();
    expect(report).toMatchObject({ outcome: "failed", error: { code: "credential-refused" } });
    expect(report.error?.message).toContain("source");
  });

  test("are not shown when the mirror's hook prints them", async () => {
    const authorization = basic("robot:s3cret/w@rd");
    await using story = await startStory({ server: { authorization } });
    const script = `#!/bin/sh\necho 'You sent ${authorization}, robot:s3cret/w@rd' >&2\nexit 1\n`;
    await installHook(story.mirror, "pre-receive", script);
    const withUser = (side: "source" | "mirror") => story.urlOf(side).replace("//", "//robot:s3cret%2Fw%40rd@");
    const words = ["mirror", "--from", withUser("source"), "--to", withUser("mirror")];
    for (const run of [await gerritMirror(words), await gerritMirror([...words, "--json"])]) {
      expect(run.code).toBe(1);
      expect(run.stdout).toContain("You sent [secret], [secret]");
      expectNoSecret(run.stdout + run.stderr);
    }
  });

  test("as userinfo or in the environment do their work and are never printed", async () => {
    await using story = await startStory({ server: { authorization: basic("robot:s3cret/w@rd") } });
    const withUser = (side: "source" | "mirror") => story.urlOf(side).replace("//", "//robot:s3cret%2Fw%40rd@");
    const words = ["mirror", "--from", withUser("source"), "--to", withUser("mirror")];
    for (const run of [
      await gerritMirror(words),
      await gerritMirror([...words, "--json"]),
      await gerritMirror(["plan", ...words.slice(1)]),
      await gerritMirror(["mirror", "--from", story.urlOf("source"), "--to", story.urlOf("mirror"), "--json"], {
        env: { GERRIT_MIRROR_FROM_AUTH: "robot:s3cret/w@rd", GERRIT_MIRROR_TO_AUTH: "robot:s3cret/w@rd" },
      }),
    ]) {
      expect(run.stderr).toBe("");
      expect(run.code).toBe(0);
      expectNoSecret(run.stdout);
    }
    await story.prove();
  });

  test("are not printed by any error", async () => {
    await using story = await startStory({ server: { authorization: basic("robot:another") } });
    const { host } = new URL(story.server.url);
    const dead = (await refusingUrl()).replace("//", "//robot:s3cret%2Fw%40rd@");
    const url = `http://robot:s3cret%2Fw%40rd@${host}/source.git`;
    const to = `http://robot:s3cret%2Fw%40rd@${host}/mirror.git`;
    const auth = { GERRIT_MIRROR_FROM_AUTH: "Bearer s3cret-s3cret", GERRIT_MIRROR_TO_AUTH: "Bearer s3cret-s3cret" };
    const failing: [string[], number, Record<string, string>?][] = [
      [["mirror", "--from", url, "--to", to], 1],
      [["plan", "--from", url, "--to", to], 1],
      [["mirror", "--from", story.urlOf("source"), "--to", story.urlOf("mirror")], 1, auth],
      [["mirror", "--from", `${dead}/x.git`, "--to", to], 1],
      [["mirror", "--from", url, "--to", to], 2, { GERRIT_MIRROR_FROM_AUTH: "s3cret-without-colon" }],
      [["mirror", "--from", url], 2],
      [["mirror", "--from", `${url}?query`, "--to", to], 2],
      [["mirror", "--from", "https:/robot:s3cret@host/x?query", "--to", to], 2],
      [["mirror", "--from", "robot:s3cret@host:x.git", "--to", to], 2],
      [["mirror", "--from", "ssh://robot:s3cret@host/x.git", "--to", to], 2],
      [["mirror", "--from", "http://robot:s3cret@host.example/x.git", "--to", to], 2],
      [["mirror", "--from", "https://robot:s3cret@host:99999/x.git", "--to", to], 2],
      [["mirror", url], 2],
      [["mirror", url, to], 2],
      [["mirror", `--from${url}`, "--to", to], 2],
      [["mirror", "--from", url, "--to", to, "--retry-seconds", url], 2],
      [["mirror", "--from", url, "--to", to, "--refs", url], 2],
      [["mirror", "--from", url, "--to", to, "--allow-deletes", url], 2],
      [[url], 2],
    ];
    const runs = await inPairs(failing, ([words, , env]) =>
      gerritMirror(
        words.includes("--retry-seconds") || words.length < 4 ? words : [...words, "--retry-seconds", "0"],
        env ? { env } : {},
      ),
    );
    for (const [index, run] of runs.entries()) {
      const [words, code] = failing[index] ?? [[], 0];
      expect([words, run.code, run.stdout + run.stderr].join("\n")).toContain(`\n${code}\n`);
      expectNoSecret(run.stdout + run.stderr);
    }
  });
});

describe("proxies", () => {
  let proxy: HttpProxy | undefined;
  afterEach(() => proxy?.close());

  test("HTTP_PROXY carries plain requests and HTTPS_PROXY opens tunnels", async () => {
    proxy = await startHttpProxy();
    await using plain = await startStory();
    const words = (story: Story) => [
      "mirror",
      "--from",
      story.urlOf("source"),
      "--to",
      story.urlOf("mirror"),
      "--json",
    ];
    const first = await gerritMirror(words(plain), { env: { HTTP_PROXY: proxy.url } });
    expect(first.json()).toMatchObject({ outcome: "equal" });
    expect(proxy.requests()).toBe(plain.server.requests.length);
    await plain.prove();
    await using secure = await startStory({ server: { tls: true } });
    const authority = join(secure.folder, "authority.pem");
    await writeFile(authority, secure.server.ca ?? "");
    const env = { HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: authority };
    expect((await gerritMirror(words(secure), { env })).json()).toMatchObject({ outcome: "equal" });
    expect(proxy.tunnels()).toBeGreaterThan(0);
    await secure.prove();
    const tunnels = proxy.tunnels();
    const direct = await gerritMirror(words(secure), { env: { ...env, NO_PROXY: "127.0.0.1" } });
    expect(direct.json()).toMatchObject({ outcome: "equal" });
    expect(proxy.tunnels()).toBe(tunnels);
  });

  test("a proxy's credential is used and not printed, also when it is refused", async () => {
    proxy = await startHttpProxy("robot:s3cret/w@rd");
    await using story = await startStory({ server: { tls: true } });
    const authority = join(story.folder, "authority.pem");
    await writeFile(authority, story.server.ca ?? "");
    const words = [
      "mirror",
      "--from",
      story.urlOf("source"),
      "--to",
      story.urlOf("mirror"),
      "--json",
      "--retry-seconds",
      "0",
    ];
    const right = proxy.url.replace("//", "//robot:s3cret%2Fw%40rd@");
    const run = await gerritMirror(words, { env: { HTTPS_PROXY: right, NODE_EXTRA_CA_CERTS: authority } });
    expect(run.json()).toMatchObject({ outcome: "equal" });
    expectNoSecret(run.stdout + run.stderr);
    const wrong = proxy.url.replace("//", "//robot:s3cret-s3cret@");
    const refused = await gerritMirror(words, { env: { HTTPS_PROXY: wrong, NODE_EXTRA_CA_CERTS: authority } });
    expect(refused.code).toBe(1);
    expect(refused.json()).toMatchObject({ outcome: "failed" });
    expectNoSecret(refused.stdout + refused.stderr);
  });
});

async function inPairs<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let index = 0; index < items.length; index += 2)
    results.push(...(await Promise.all(items.slice(index, index + 2).map(work))));
  return results;
}
