// The real command against faulty servers: exit code, error code and remedy, no stack trace, no secret, and a second run that heals.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ErrorCode, remedyOf } from "../../src/errors.ts";
import { type Fault, refusingUrl } from "../support/faults.ts";
import type { Service } from "../support/git-server.ts";
import { expectNoSecret } from "./table.ts";
import {
  expectEqual,
  expectNothingHalfShown,
  expectUnmoved,
  type MirrorCase,
  PASSWORD,
  startTwoSides,
  type TwoSides,
} from "./two-sides.ts";

const COMMAND = fileURLToPath(new URL("../../bin/gerrit-mirror.ts", import.meta.url));

let sides: TwoSides;
beforeAll(async () => {
  sides = await startTwoSides();
});
afterEach(() => sides.heal());
afterAll(() => sides.close());

type Cell = [side: "source" | "mirror", on: Service, name: string, fault: Fault, code: ErrorCode];

describe("mirror --from --to", () => {
  const status = (number: number, headers = {}): Fault => ({ kind: "status", status: number, headers });
  const cells: Cell[] = [
    ["source", "upload-pack-advertisement", "HTTP 401", status(401), "credential-refused"],
    ["source", "upload-pack-advertisement", "HTTP 404", status(404), "not-found"],
    ["source", "upload-pack-advertisement", "HTML", { kind: "html" }, "not-git"],
    ["source", "ls-refs", "HTTP 403", status(403), "forbidden"],
    ["source", "ls-refs", "a cut list", { kind: "drop-tail", bytes: 4 }, "malformed-answer"],
    ["source", "ls-refs", "an ERR packet", { kind: "err-packet", message: "no" }, "request-refused"],
    ["source", "fetch", "a flipped bit", { kind: "flip-pack-bit", atByte: 100 }, "corrupt-pack"],
    ["source", "fetch", "a cut pack", { kind: "cut-pack", afterBytes: 100 }, "corrupt-pack"],
    ["source", "fetch", "a reset", { kind: "reset", afterBytes: 100 }, "unreachable"],
    ["source", "fetch", "side-band 3", { kind: "sideband-error", message: "no" }, "request-refused"],
    ["mirror", "upload-pack-advertisement", "HTTP 408", status(408), "timed-out"],
    ["mirror", "ls-refs", "HTTP 429", status(429, { "retry-after": "600" }), "throttled"],
    ["mirror", "receive-pack-advertisement", "HTTP 403", status(403), "forbidden"],
    ["mirror", "receive-pack", "HTTP 413", status(413), "too-large"],
    ["mirror", "receive-pack", "HTTP 500", status(500), "server-error"],
    ["mirror", "receive-pack", "HTTP 502", status(502), "server-error"],
    ["mirror", "receive-pack", "HTTP 503", status(503), "server-error"],
    ["mirror", "receive-pack", "HTML", { kind: "html" }, "not-git"],
    ["mirror", "receive-pack", "an unpack error", { kind: "unpack-error", message: "disk full" }, "unpack-failed"],
    ["mirror", "receive-pack", "ok that is untrue", { kind: "claim-ok" }, "unproven"],
    ["mirror", "receive-pack", "a reset request", { kind: "reset-request", afterBytes: 300 }, "unreachable"],
  ];

  test.each(cells)("the %s's %s meets %s: exit code 1 and the cause", async (side, on, _, fault, code) => {
    const run = await sides.begin();
    sides[side].rules.push({ on, fault, times: Number.POSITIVE_INFINITY });
    const { exitCode, stdout, stderr } = await command(run, "--json", "--retry-seconds", "0");
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toBe("");
    const document = JSON.parse(stdout);
    expect(document.outcome).not.toBe("equal");
    expect(document.error).toMatchObject({ code, remedy: remedyOf(code) });
    const address = `${side} ${side === "source" ? run.sourceUrl : run.mirrorUrl}: `;
    const judgesRefs = code === "unproven" || code === "unpack-failed";
    expect(document.error.message).toContain(judgesRefs ? "The mirror refused " : address);
    await expectUnmoved(sides, run);
    sides.heal();
    expect((await command(run, "--json")).exitCode).toBe(0);
    await expectEqual(sides, run);
  });

  test("a lost report is found by reading back: exit code 0", async () => {
    const run = await sides.begin();
    sides.mirror.rules.push({ on: "receive-pack", fault: { kind: "reset", afterBytes: 20 } });
    const { exitCode, stdout } = await command(run, "--json", "--retry-seconds", "0");
    expect({ exitCode, outcome: JSON.parse(stdout).outcome }).toEqual({ exitCode: 0, outcome: "equal" });
    await expectEqual(sides, run);
  });

  test("what can heal is tried again after the host's Retry-After, and stderr says so", async () => {
    const run = await sides.begin();
    sides.mirror.rules.push({ on: "receive-pack", fault: status(429, { "retry-after": "1" }) });
    const { exitCode, stdout, stderr } = await command(run, "--json");
    expect({ exitCode, outcome: JSON.parse(stdout).outcome }).toEqual({ exitCode: 0, outcome: "equal" });
    expect(stderr).toContain("trying again in 1 s");
    await expectEqual(sides, run);
  });

  test("a Retry-After beyond --retry-seconds ends the command at once", async () => {
    const run = await sides.begin();
    sides.source.rules.push({ on: "ls-refs", fault: status(503, { "retry-after": "600" }) });
    const { exitCode, stdout } = await command(run, "--json");
    expect({ exitCode, code: JSON.parse(stdout).error.code }).toEqual({ exitCode: 1, code: "throttled" });
  });

  test("without --json a person reads the side, the cause and what to do", async () => {
    const run = await sides.begin();
    sides.mirror.rules.push({ on: "receive-pack", fault: status(413), times: Number.POSITIVE_INFINITY });
    const { exitCode, stdout } = await command(run, "--retry-seconds", "0");
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`too-large: mirror ${run.mirrorUrl}: HTTP 413.`);
    expect(stdout).toContain(`what to do: ${remedyOf("too-large")}`);
  });

  test.each(["source", "mirror"] as const)("a %s that refuses connections: exit code 1", async (side) => {
    const run = await sides.begin();
    const url = `${await refusingUrl()}/gone.git`;
    const { exitCode, stdout } = await command({ ...run, [`${side}Url`]: url }, "--json", "--retry-seconds", "0");
    expect({ exitCode, code: JSON.parse(stdout).error.code }).toEqual({ exitCode: 1, code: "unreachable" });
    expect(JSON.parse(stdout).error.message).toContain(`${side} ${url}`);
    await expectUnmoved(sides, run);
  });

  test.each(["fetch", "receive-pack"] as const)("killed at its %s, it leaves nothing half-done", async (service) => {
    const run = await sides.begin();
    const child = start(run, "--json");
    const ended = once(child, "close");
    const side = service === "fetch" ? sides.source : sides.mirror;
    side.before = async (record) => {
      if (record.service !== service) return;
      child.kill("SIGKILL");
      await ended;
    };
    await ended;
    await expectNothingHalfShown(sides, run);
    sides.heal();
    expect((await command(run, "--json")).exitCode).toBe(0);
    await expectEqual(sides, run);
  });
});

test("mirror REPOSITORY reads its credentials from the secrets file and shows them nowhere", async () => {
  const run = await sides.begin();
  const [config, secrets] = [join(run.mirrorRepo, "mirror.json"), join(run.mirrorRepo, "secrets.json")];
  const name = new URL(run.sourceUrl).pathname.slice(1);
  const mirror = { host: "git", url: `${new URL(run.mirrorUrl).origin}/\${name}`, name: {}, secret: "mirror" };
  const source = { url: new URL(run.sourceUrl).origin, secret: "source" };
  await writeFile(
    config,
    JSON.stringify({ source, webhook: { secret: "hook" }, repositories: ["*"], mirrors: { one: mirror } }),
  );
  const credential = { username: "mirror-user", password: PASSWORD };
  await writeFile(secrets, JSON.stringify({ source: credential, mirror: credential, hook: "x" }), { mode: 0o600 });
  sides.source.rules.push({ on: () => true, fault: { kind: "status", status: 401 }, times: Number.POSITIVE_INFINITY });
  const { exitCode, stdout, stderr } = await finish(
    startWith(["mirror", name, "--config", config, "--secrets", secrets, "--json", "--retry-seconds", "0"]),
  );
  expect(exitCode, stderr).toBe(1);
  expect(JSON.parse(stdout).error).toMatchObject({ code: "credential-refused" });
  await expectUnmoved(sides, run);
});

/** Both URLs carry a credential, which no server asks for. */
function start(run: Pick<MirrorCase, "sourceUrl" | "mirrorUrl">, ...flags: string[]) {
  const withCredential = (address: string): string => address.replace("//", `//mirror-user:${PASSWORD}@`);
  const [from, to] = [withCredential(run.sourceUrl), withCredential(run.mirrorUrl)];
  return startWith(["mirror", "--from", from, "--to", to, ...flags]);
}

function startWith(words: readonly string[]) {
  const { PATH } = process.env;
  return spawn(process.execPath, [COMMAND, ...words], { env: { PATH }, stdio: ["ignore", "pipe", "pipe"] });
}

const command = (run: Pick<MirrorCase, "sourceUrl" | "mirrorUrl">, ...flags: string[]) => finish(start(run, ...flags));

/** Whatever was printed holds no secret and no stack trace. */
async function finish(child: ReturnType<typeof startWith>) {
  const [[exitCode], stdout, stderr] = await Promise.all([
    once(child, "close") as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  expectNoSecret(stdout + stderr);
  expect(stdout + stderr).not.toMatch(/^\s+at /m);
  return { exitCode, stdout, stderr };
}
