// Servers as they are: protocol v0 alone, compressed answers, HTTPS with a private authority, redirects.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import { openMirror, openSource } from "../../src/remote/open.ts";
import { type OnRequest, respond } from "../support/git-server.ts";
import { commit, deleteRef, refsOf, tag } from "../support/repositories.ts";
import { expectNoSecret, gerritMirror } from "./command.ts";
import { named, type Story, startStory } from "./story.ts";

const MAIN = "refs/heads/main";

/** First mirror, an update with a new tag, a deletion: each proved. */
async function liveThrough(story: Story): Promise<void> {
  const first = await story.run();
  expect(first.report.error).toBeUndefined();
  await story.prove();
  await commit(story.source, { message: "moved" });
  await tag(story.source, "v2", MAIN);
  await commit(story.source, { branch: "dev", message: "dev" });
  expect((await story.narrow([named(MAIN), named("refs/tags/v2"), named("refs/heads/dev")])).report).toMatchObject({
    outcome: "equal",
    scope: "narrow",
  });
  await story.prove();
  await deleteRef(story.source, "refs/heads/dev");
  expect((await story.run()).report.outcome).toBe("equal");
  await story.prove();
}

describe("servers", () => {
  const speakV0 =
    (side: string): OnRequest =>
    async (_record, { request }) => {
      if (request.url?.includes(side)) delete request.headers["git-protocol"];
      return undefined;
    };

  test.each(["source.git", "mirror.git", ".git"])("that speak v0 only: %s", async (side) => {
    await using story = await startStory();
    story.hooks.push(speakV0(side));
    await liveThrough(story);
    expect(story.server.requests.some(({ service, path }) => service === "ls-refs" && path.includes(side))).toBe(false);
  });

  test("that list everything in v0: refs outside the managed patterns are left alone", async () => {
    await using story = await startStory();
    story.hooks.push(speakV0(".git"));
    await story.run();
    for (const ref of ["refs/notes/mine", "refs/pull/1/head"])
      await commit(story.mirror, { branch: ref, parents: [], message: ref });
    await commit(story.source, { branch: "refs/meta/config", parents: [], message: "access rights" });
    const before = await refsOf(story.mirror);
    expect((await story.run()).report).toMatchObject({ outcome: "equal", refs: [] });
    expect(await refsOf(story.mirror)).toEqual(before);
  });

  test("an empty source and an empty mirror in v0", async () => {
    await using story = await startStory({ empty: true });
    story.hooks.push(speakV0(".git"));
    expect((await story.run()).report).toMatchObject({ outcome: "equal", refs: [] });
  });

  test("that compress their answers", async () => {
    await using story = await startStory({ server: { gzip: true } });
    await liveThrough(story);
    expect(story.requests("source", "ls-refs")[0]?.headers["accept-encoding"]).toContain("gzip");
  });

  test("with a certificate of a private authority", async () => {
    await using story = await startStory({ server: { tls: true } });
    await liveThrough(story);
  });

  test("with a certificate that nobody vouches for are refused", async () => {
    await using story = await startStory({ server: { tls: true } });
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
    const refused = await gerritMirror(words);
    expect(refused.code).toBe(1);
    expect(refused.json()).toMatchObject({ outcome: "failed", error: { code: "unreachable" } });
    expect(story.server.requests).toEqual([]);
    const authority = join(story.folder, "authority.pem");
    await writeFile(authority, story.server.ca ?? "");
    const trusted = await gerritMirror(words, { env: { NODE_EXTRA_CA_CERTS: authority } });
    expect(trusted.json()).toMatchObject({ outcome: "equal" });
    await story.prove();
  });
});

describe("redirects", () => {
  const redirect =
    (location: (url: string) => string): OnRequest =>
    async ({ service }, exchange) => {
      const url = exchange.request.url ?? "";
      if (!service.endsWith("advertisement") || !url.startsWith("/old/")) return undefined;
      return { answer: () => respond(exchange, 301, { location: location(url) }, "Moved\n") };
    };
  const at = (story: Story, side: "source" | "mirror") => ({ side, url: `${story.server.url}/old/${side}.git` });

  test.each(["source", "mirror"] as const)(
    "within the origin are followed, for the services' own requests too (%s)",
    async (side) => {
      await using story = await startStory();
      story.hooks.push(redirect((url) => url.replace("/old/", "/")));
      const http = createHttpClient();
      const { report } = await story.run(
        side === "source"
          ? { source: openSource(http, at(story, side), story.memory) }
          : { mirror: openMirror(http, at(story, side), story.memory) },
      );
      http.close();
      expect(report.error).toBeUndefined();
      await story.prove();
      expect(story.server.requests.filter(({ method, path }) => method === "POST" && path.startsWith("/old/"))).toEqual(
        [],
      );
    },
  );

  test("within the origin are found again by a warm process", async () => {
    await using story = await startStory();
    story.hooks.push(redirect((url) => url.replace("/old/", "/")));
    const http = createHttpClient();
    const run = () =>
      story.run({
        source: openSource(http, at(story, "source"), story.memory),
        mirror: openMirror(http, at(story, "mirror"), story.memory),
      });
    expect((await run()).report.error).toBeUndefined();
    await commit(story.source, { message: "moved" });
    const { report } = await run();
    http.close();
    expect(report.error).toBeUndefined();
    await story.prove();
  });

  test.each(["source", "mirror"] as const)("to another origin are refused and get no credential (%s)", async (side) => {
    await using other = await startStory();
    await using story = await startStory();
    story.hooks.push(redirect((url) => `${other.server.url}${url.replace("/old/", "/")}`));
    const from = side === "source" ? at(story, "source").url : story.urlOf("source");
    const to = side === "mirror" ? at(story, "mirror").url : story.urlOf("mirror");
    const run = await gerritMirror(["mirror", "--from", from, "--to", to, "--json"], {
      env: { GERRIT_MIRROR_FROM_AUTH: "robot:s3cret", GERRIT_MIRROR_TO_AUTH: "robot:s3cret" },
    });
    expect(run.code).toBe(1);
    expect(run.json()).toMatchObject({ outcome: "failed", error: { code: "redirected" } });
    expect(other.server.requests).toEqual([]);
    expectNoSecret(run.stdout + run.stderr);
  });

  test("in a circle end", async () => {
    await using story = await startStory();
    story.hooks.push(redirect((url) => url));
    const http = createHttpClient();
    const { report } = await story.run({ source: openSource(http, at(story, "source"), story.memory) });
    http.close();
    expect(report.error?.code).toBe("redirected");
  });
});
