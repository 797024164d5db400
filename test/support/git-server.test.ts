// The Git server, proved with the real git client.
import { readdir } from "node:fs/promises";
import { get, request as httpRequest } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { git, tryGit } from "./git.ts";
import { type GitServer, type GitServerOptions, startGitServer } from "./git-server.ts";
import { type GitWorld, startGitWorld } from "./git-world.ts";
import { makeBig, makeManyRefs } from "./large-repositories.ts";
import * as repositories from "./repositories.ts";

let world: GitWorld;
let sample: string;

beforeAll(async () => {
  world = await startGitWorld();
  sample = await world.sample("sample.git");
});
afterAll(() => world.close());

describe("the server", () => {
  test("serves clone, push and ls-remote below a name with a space and a non-ASCII letter", async () => {
    const repo = await world.bare("a b/ü.git");
    expect((await push("a b/ü.git", "main", "v1")).code).toBe(0);
    expect(await repositories.refsOf(repo)).toEqual(await repositories.refsOf(sample));
    await repositories.fsck(repo);
    expect((await clone("a b/ü")).code).toBe(0);
    expect((await clone("a b/ü", "-c", "protocol.version=0")).code).toBe(0);
  });

  test("records each request with its service and sizes", async () => {
    await withServer({}, async (own) => {
      await git(["ls-remote", own.urlOf("sample.git")]);
      await git(["clone", "-q", "--bare", own.urlOf("sample.git"), join(world.folder, "recorded")]);
      expect(own.requests.map(({ service, status }) => `${service} ${status}`)).toEqual([
        ...["upload-pack-advertisement 200", "ls-refs 200"],
        ...["upload-pack-advertisement 200", "ls-refs 200", "fetch 200"],
      ]);
      const fetch = own.requests.at(-1);
      expect(fetch?.requestBytes).toBeGreaterThan(100);
      expect(fetch?.responseBytes).toBeGreaterThan(100);
      expect(fetch?.headers["git-protocol"]).toBe("version=2");
      expect(fetch?.endedAt).toBeGreaterThan(fetch?.startedAt ?? Number.POSITIVE_INFINITY);
    });
  });

  test("streams a chunked push that is larger than git's buffer, after the probe", async () => {
    await makeBig(await world.bare("large.git"), 6e6);
    const to = await world.bare("large-copy.git");
    await git(["-C", join(world.folder, "large.git"), "push", "-q", world.server.urlOf("large-copy.git"), "main"]);
    await repositories.fsck(to);
    expect(world.server.requests.slice(-2).map(({ service }) => service)).toEqual(["probe", "receive-pack"]);
    expect(world.server.requests.at(-1)?.headers["transfer-encoding"]).toBe("chunked");
  });

  test("takes a gzipped request body", async () => {
    const repo = await world.bare("zipped.git");
    await makeManyRefs(repo, 300, { distinctCommits: true });
    await withServer({ config: { "uploadpack.allowAnySHA1InWant": "true" } }, async (own) => {
      await git(["clone", "-q", "--mirror", own.urlOf("zipped.git"), join(world.folder, "zipped-copy")]);
      const fetch = own.requests.at(-1);
      expect(fetch?.service).toBe("fetch");
      expect(fetch?.headers["content-encoding"]).toBe("gzip");
    });
  });

  test("compresses answers where asked, and the client reads them", async () => {
    await withServer({ gzip: true }, async (own) => {
      await git(["clone", "-q", "--mirror", own.urlOf("sample.git"), join(world.folder, "gzip")]);
      const response = await new Promise<Record<string, unknown>>((done) =>
        get(
          `${own.url}/sample.git/info/refs?service=git-upload-pack`,
          { headers: { "accept-encoding": "gzip" } },
          (answer) => done(answer.resume().headers),
        ),
      );
      expect(response["content-encoding"]).toBe("gzip");
    });
  });

  test("speaks TLS with a certificate of its own", async () => {
    await withServer({ tls: true }, async (own) => {
      const url = own.urlOf("sample.git");
      expect(url).toMatch(/^https:/);
      expect((await tryGit(["ls-remote", url])).stderr).toContain("certificate");
      await git(["ls-remote", url], { env: { GIT_SSL_NO_VERIFY: "1" } });
    });
  });

  test("asks for the one credential", async () => {
    const authorization = `Basic ${Buffer.from("mirror:pw").toString("base64")}`;
    await withServer({ authorization }, async (own) => {
      const url = own.urlOf("sample.git");
      expect((await tryGit(["ls-remote", url])).stderr).toContain("could not read Username");
      await git(["-c", `http.extraHeader=Authorization: ${authorization}`, "ls-remote", url]);
      await git(["ls-remote", url.replace("//", "//mirror:pw@")]);
      expect(own.requests.map(({ status }) => status)).toEqual([401, 200, 200, 401, 200, 200]);
    });
  });

  test("strips Gerrit's prefix and takes more configuration", async () => {
    await withServer({ stripPrefix: "/a", config: { "receive.denyDeletes": "true" } }, async (own) => {
      const url = own.urlOf("a/prefixed.git");
      await repositories.commit(await world.sample("prefixed.git"), { branch: "old" });
      expect(
        (await tryGit(["push", "--porcelain", url, ":refs/heads/old"], { cwd: sample })).stdout.toString(),
      ).toContain("deletion prohibited");
    });
  });

  test("answers 404 for a repository that is not there", async () => {
    expect((await tryGit(["ls-remote", world.server.urlOf("nothing.git")])).stderr).toContain("not found");
  });

  test("ends the backend when the client goes away in the middle of a push, and nothing stays", async () => {
    const repo = await world.bare("cut.git");
    await withServer({}, async (own) => {
      const sent = httpRequest(`${own.urlOf("cut.git")}/git-receive-pack`, {
        method: "POST",
        headers: { "content-type": "application/x-git-receive-pack-request", "content-length": "100000" },
      });
      sent.on("error", () => {});
      const tip = "1".repeat(40);
      sent.write(`0074${"0".repeat(40)} ${tip} refs/heads/x\0 report-status      0000PACK`);
      while ((own.requests[0]?.requestBytes ?? 0) === 0) await new Promise((done) => setImmediate(done));
      sent.destroy();
    });
    expect((await repositories.refsOf(repo)).size).toBe(0);
    expect((await readdir(join(repo, "objects"))).sort()).toEqual(["info", "pack"]);
  });
});

async function withServer<T>(options: Partial<GitServerOptions>, use: (server: GitServer) => Promise<T>): Promise<T> {
  const own = await startGitServer({ root: world.folder, ...options });
  try {
    return await use(own);
  } finally {
    await own.close();
  }
}

function clone(name: string, ...config: string[]) {
  const to = join(world.folder, `clone-${world.server.requests.length}`);
  return tryGit([...config, "clone", "--quiet", "--mirror", world.server.urlOf(name), to]);
}

function push(to: string, ...refspecs: string[]) {
  return tryGit(["-C", sample, "push", "--porcelain", world.server.urlOf(to), ...refspecs]);
}
