// Each fault does what it says, proved with the real git client.
import { get } from "node:http";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type FaultRule, refusingUrl } from "./faults.ts";
import { tryGit } from "./git.ts";
import { type GitWorld, startGitWorld } from "./git-world.ts";
import { refusePushWith, refuseRef } from "./refusing-hooks.ts";
import * as repositories from "./repositories.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

let world: GitWorld;
let sample: string;

beforeAll(async () => {
  world = await startGitWorld();
  sample = await world.sample("sample.git");
});
afterEach(() => {
  world.rules.length = 0;
});
afterAll(() => world.close());

describe("faults", () => {
  const stderrOf = async (rule: FaultRule) => {
    world.rules.push({ times: Number.POSITIVE_INFINITY, ...rule }); // curl repeats a request on a reused connection by itself
    return (await clone("sample.git")).stderr;
  };

  test.each([
    [401, "could not read Username"],
    [403, "403"],
    [404, "not found"],
    [408, "408"],
    [413, "413"],
    [429, "429"],
    [500, "500"],
    [503, "503"],
  ])("status %i reaches the client", async (status, text) => {
    expect(await stderrOf({ on: "upload-pack-advertisement", fault: { kind: "status", status } })).toContain(text);
  });

  test("html is what a sign-in page looks like", async () => {
    expect(await stderrOf({ on: "upload-pack-advertisement", fault: { kind: "html" } })).toContain(
      "not valid: is this",
    );
  });

  test("reset before the answer is one", async () => {
    expect(await stderrOf({ on: "ls-refs", fault: { kind: "reset" } })).toMatch(/reset|empty reply/i);
  });

  test.each(["reset", "hang", "end"] as const)("%s after N bytes sends exactly N bytes of the body", async (kind) => {
    world.rules.push({ on: "upload-pack-advertisement", fault: { kind, afterBytes: 100 } });
    const seen = await readRaw("sample.git");
    expect(seen.body.length).toBe(100);
    expect(seen.end).toBe({ reset: "error", hang: "silent", end: "whole" }[kind]);
  });

  test("hang before the answer is silence", async () => {
    world.rules.push({ on: "upload-pack-advertisement", fault: { kind: "hang" } });
    expect(await readRaw("sample.git")).toEqual({ body: Buffer.alloc(0), end: "silent" });
  });

  test("a list without its final flush-pkt", async () => {
    world.rules.push({ on: "upload-pack-advertisement", fault: { kind: "drop-tail", bytes: 4 } });
    const cut = await readRaw("sample.git");
    const whole = await readRaw("sample.git");
    expect(cut.end).toBe("whole");
    expect(Buffer.concat([cut.body, Buffer.from("0000")])).toEqual(whole.body);
  });

  test("flip-bit changes one byte by one", async () => {
    world.rules.push({ on: "upload-pack-advertisement", fault: { kind: "flip-bit", atByte: 10 } });
    const flipped = (await readRaw("sample.git")).body;
    const whole = (await readRaw("sample.git")).body;
    const at = [...whole.keys()].filter((index) => whole[index] !== flipped[index]);
    expect(at).toEqual([10]);
  });

  test.each([
    [{ kind: "err-packet", message: "want not valid" } as const, "remote error: want not valid"],
    [{ kind: "sideband-error", message: "broken", afterBytes: 20 } as const, /remote: broken\n.*early EOF/],
    [{ kind: "sideband-error", message: "broken at once" } as const, /remote: broken at once\n.*early EOF/],
    [{ kind: "flip-pack-bit", atByte: 60 } as const, /inflate|corrupt|pack|SHA1|invalid/],
    [{ kind: "cut-pack", afterBytes: 60 } as const, "early EOF"],
    [{ kind: "replace", body: "0011packfile\n0000" } as const, /early EOF|protocol|packfile/],
    [{ kind: "reset-request", afterBytes: 1 } as const, /reset|empty reply/i],
  ])("on a fetch, %o is refused by the client", async (fault, text) => {
    expect(await stderrOf({ on: "fetch", fault })).toMatch(text);
  });

  test("a rule is met after so many requests, so many times; delay goes on", async () => {
    const on = "upload-pack-advertisement" as const;
    world.rules.push({ on, fault: { kind: "delay", milliseconds: 50 }, times: Number.POSITIVE_INFINITY });
    world.rules.push({ on, fault: { kind: "status", status: 500 }, after: 1, times: 2 });
    const before = world.server.requests.length;
    const codes = [];
    for (let run = 0; run < 4; run++) codes.push((await tryGit(["ls-remote", world.server.urlOf("sample.git")])).code);
    expect(codes).toEqual([0, 128, 128, 0]);
    const first = world.server.requests[before];
    expect((first?.endedAt ?? 0) - (first?.startedAt ?? 0)).toBeGreaterThanOrEqual(49);
  });

  test("nobody listens on a refusing URL", async () => {
    expect((await tryGit(["ls-remote", `${await refusingUrl()}/x`])).stderr).toMatch(/refused|connect/i);
  });

  test("a TCP proxy resets or closes after so many bytes, and else only forwards", async () => {
    const proxy = await startTcpProxy(world.server.port, (connection) =>
      connection === 0 ? undefined : { kind: connection === 1 ? "reset" : "close", in: "answer", afterBytes: 300 },
    );
    const url = `http://127.0.0.1:${proxy.port}/sample.git`;
    const runs = [];
    for (let run = 0; run < 3; run++) runs.push(await tryGit(["ls-remote", url]));
    expect(runs.map(({ code }) => code)).toEqual([0, 128, 128]);
    expect(runs[1]?.stderr).toMatch(/reset/i);
    expect(proxy.connections()).toBe(3);
    await proxy.close();
  });
});

describe("a lying or refusing receive-pack", () => {
  test("claims ok while nothing moved", async () => {
    const repo = await world.bare("claim.git");
    world.rules.push({ on: "receive-pack", fault: { kind: "claim-ok" } });
    expect((await push("claim.git", "main", "v1")).code).toBe(0);
    expect((await repositories.refsOf(repo)).size).toBe(0);
  });

  test("drops an ok line while the ref moved", async () => {
    const repo = await world.bare("drop.git");
    world.rules.push({ on: "receive-pack", fault: { kind: "drop-ok", ref: "refs/tags/v1" } });
    const { code, stdout } = await push("drop.git", "main", "v1");
    expect(code).toBe(1);
    expect(stdout.toString()).toMatch(/!\trefs\/tags\/v1:refs\/tags\/v1\t\[remote failure\]/);
    expect((await repositories.refsOf(repo)).size).toBe(2);
  });

  test("says that the pack could not be unpacked", async () => {
    await world.bare("unpack.git");
    world.rules.push({ on: "receive-pack", fault: { kind: "unpack-error", message: "index-pack abnormal exit" } });
    const { stderr } = await push("unpack.git", "main");
    expect(stderr).toContain("remote unpack failed: index-pack abnormal exit");
  });

  test.each([true, false])("refuses the whole push because of one ref, named: %s", async (named) => {
    const repo = await world.bare(`whole-${named}.git`);
    await refusePushWith(repo, "refs/tags/v1", { named });
    const { stdout, stderr } = await push(`whole-${named}.git`, "main", "v1");
    expect(stdout.toString().match(/pre-receive hook declined/g)).toHaveLength(2);
    expect(stderr.includes("refs/tags/v1")).toBe(named);
    expect((await push(`whole-${named}.git`, "main")).code).toBe(0);
  });

  test("refuses one ref while the others move", async () => {
    const repo = await world.bare("one.git");
    await refuseRef(repo, "refs/tags/v1");
    expect((await push("one.git", "main", "v1")).stdout.toString()).toContain("hook declined");
    expect([...(await repositories.refsOf(repo)).keys()]).toEqual(["refs/heads/main"]);
  });
});

function clone(name: string) {
  const to = join(world.folder, `clone-${world.server.requests.length}`);
  return tryGit(["clone", "--quiet", "--mirror", world.server.urlOf(name), to]);
}

function push(to: string, ...refspecs: string[]) {
  return tryGit(["-C", sample, "push", "--porcelain", world.server.urlOf(to), ...refspecs]);
}

/** A v2 advertisement as it comes, and how it ended: whole, with an error, or silent for 200 ms. */
async function readRaw(name: string): Promise<{ body: Buffer; end: "whole" | "error" | "silent" }> {
  const chunks: Buffer[] = [];
  const end = await new Promise<"whole" | "error" | "silent">((done) => {
    const path = `${world.server.urlOf(name)}/info/refs?service=git-upload-pack`;
    const sent = get(path, { agent: false, headers: { "git-protocol": "version=2" } }, (answer) => {
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.once("end", () => done("whole"));
      answer.once("error", () => done("error"));
    });
    sent.once("error", () => done("error"));
    sent.setTimeout(200, () => {
      done("silent");
      sent.destroy();
    });
  });
  return { body: Buffer.concat(chunks), end };
}
