// A credential that was rotated while a warm process held the old one: read anew once, used at once, never shown.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import { mirrorRepository } from "../../src/mirror-repository.ts";
import { Secret } from "../../src/model/secret.ts";
import { createRemoteMemory, openMirror, openSource } from "../../src/remote/open.ts";
import type { Service } from "../support/git-server.ts";
import { respond } from "../support/git-server.ts";
import { expectNoSecret } from "./table.ts";
import {
  CREDENTIAL,
  expectEqual,
  expectUnmoved,
  type MirrorCase,
  requestOf,
  startTwoSides,
  type TwoSides,
} from "./two-sides.ts";

const OLD = `Basic ${Buffer.from("mirror-user:the-old-password").toString("base64")}`;

let sides: TwoSides;
let http: ReturnType<typeof createHttpClient>;
beforeAll(async () => {
  sides = await startTwoSides();
  http = createHttpClient();
});
afterEach(() => sides.heal());
afterAll(async () => {
  http.close();
  await sides.close();
});

describe("a rotated secret", () => {
  test.each(["source", "mirror"] as const)("of the %s is read anew once, and the run ends equal", async (side) => {
    const run = await sides.begin();
    accept(side, CREDENTIAL);
    const secret = rotating(OLD, CREDENTIAL);
    const { report } = await runWith(run, side, secret.authorization);
    expect(report.outcome, report.error?.message).toBe("equal");
    expect(secret.freshReads()).toBe(1);
    await expectEqual(sides, run);
  });

  test.each([
    ["source", "fetch"],
    ["mirror", "receive-pack-advertisement"],
    ["mirror", "receive-pack"],
  ] as const)("of the %s that is refused only at its %s is used there too", async (side, service) => {
    const run = await sides.begin();
    accept(side, CREDENTIAL, service);
    const secret = rotating(OLD, CREDENTIAL);
    const { report } = await runWith(run, side, secret.authorization);
    expect(report.outcome, report.error?.message).toBe("equal");
    expect(secret.freshReads()).toBe(1);
    await expectEqual(sides, run);
  });

  test.each(["source", "mirror"] as const)(
    "of the %s that is refused too ends the run after one more try",
    async (side) => {
      const run = await sides.begin();
      accept(side, "Basic another");
      const secret = rotating(OLD, CREDENTIAL);
      const before = sides[side].server.requests.length;
      const { report } = await runWith(run, side, secret.authorization);
      expect(report).toMatchObject({ outcome: "failed", error: { code: "credential-refused" } });
      expect(report.error?.message).toContain(`${side} ${side === "source" ? run.sourceUrl : run.mirrorUrl}`);
      expectNoSecret(JSON.stringify(report));
      expect(sides[side].server.requests.length - before).toBe(2);
      expect(secret.freshReads()).toBe(1);
      await expectUnmoved(sides, run);
    },
  );

  test("that did not change is not tried again", async () => {
    const run = await sides.begin();
    accept("mirror", CREDENTIAL);
    const secret = rotating(OLD, OLD);
    const before = sides.mirror.server.requests.length;
    const { report } = await runWith(run, "mirror", secret.authorization);
    expect(report.error?.code).toBe("credential-refused");
    expect(sides.mirror.server.requests.length - before).toBe(1);
  });
});

/** As a Secrets port behaves: a fresh read replaces what is cached. */
function rotating(first: string, rotated: string) {
  let current = first;
  let reads = 0;
  return {
    freshReads: () => reads,
    authorization: async ({ fresh }: { fresh: boolean }) => {
      if (fresh) {
        reads++;
        current = rotated;
      }
      return new Secret(current);
    },
  };
}

/** 401 for any other value, at every service or only at one. */
function accept(side: "source" | "mirror", value: string, only?: Service): void {
  sides[side].before = async ({ service }, { request }) => {
    if (request.headers.authorization === value || (only ?? service) !== service) return undefined;
    return { answer: (exchange) => respond(exchange, 401, {}, `You sent ${request.headers.authorization}`) };
  };
}

function runWith(
  run: MirrorCase,
  side: "source" | "mirror",
  authorization: ReturnType<typeof rotating>["authorization"],
) {
  const memory = createRemoteMemory();
  const request = requestOf(run, { http, memory });
  const url = side === "source" ? run.sourceUrl : run.mirrorUrl;
  const opened =
    side === "source"
      ? { source: openSource(http, { side, url, authorization }, memory) }
      : { mirror: openMirror(http, { side, url, authorization }, memory) };
  return mirrorRepository({ ...request, ...opened });
}
