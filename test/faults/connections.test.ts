// Connections that are refused, cut at any byte, or closed by the server just before the next request.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import { MirrorError } from "../../src/errors.ts";
import type { HttpClient } from "../../src/ports.ts";
import { refusingUrl } from "../support/faults.ts";
import type { Exchange, Intervention } from "../support/git-server.ts";
import { startTcpProxy, type TcpFault } from "../support/tcp-proxy.ts";
import {
  expectEqual,
  expectNothingHalfShown,
  expectUnmoved,
  type MirrorCase,
  runMirror,
  startTwoSides,
  type TwoSides,
} from "./two-sides.ts";

let sides: TwoSides;
beforeAll(async () => {
  sides = await startTwoSides();
});
afterEach(() => sides.heal());
afterAll(() => sides.close());

describe("a side that refuses connections", () => {
  test.each(["source", "mirror"] as const)("the %s, from the start: unreachable, and nothing moves", async (side) => {
    const run = await sides.begin();
    const url = `${await refusingUrl()}/${side}.git`;
    await withClient(async (http) => {
      const { report } = await runMirror({ ...run, [`${side}Url`]: url }, { http });
      expect(report).toMatchObject({ outcome: "failed", error: { code: "unreachable" } });
      expect(report.error?.message).toMatch(new RegExp(`^${side} ${url}: .* refused the connection`));
      await expectUnmoved(sides, run);
      expect((await runMirror(run, { http })).report.outcome).toBe("equal");
    });
  });

  test("the mirror, from the fetch on: unreachable, and nothing moves", async () => {
    const run = await sides.begin();
    const proxy = await startTcpProxy(sides.mirror.server.port, () => undefined);
    sides.source.before = async ({ service }) => {
      if (service === "fetch") await proxy.close();
    };
    sides.mirror.before = async ({ service }) => {
      // The mirror's features are asked for beside the fetch: they must not be answered before it goes away.
      if (service === "receive-pack-advertisement") await new Promise(() => {});
    };
    await withClient(async (http) => {
      const { report } = await runMirror(through(run, "mirror", proxy.port), { http });
      expect(report).toMatchObject({ outcome: "failed", error: { code: "unreachable" } });
      expect(report.error?.message).toContain("mirror http://127.0.0.1:");
      await expectUnmoved(sides, run);
      sides.heal();
      expect((await runMirror(run, { http })).report.outcome).toBe("equal");
      await expectEqual(sides, run);
    });
  });
});

describe("every connection is cut after so many bytes", () => {
  const offsets = [0, 1, 60, 200, 330, 480, 700, 900, 1_150, 1_400, 1_800, 2_300];
  const cells = (["source", "mirror"] as const).flatMap((side) =>
    (["request", "answer"] as const).flatMap((way) =>
      offsets.map((afterBytes, index) => ({ side, in: way, kind: index % 2 ? "reset" : "close", afterBytes }) as const),
    ),
  );

  test.each(cells)("$side: $kind after $afterBytes bytes of the $in", async ({ side, ...fault }) => {
    const run = await sides.begin();
    let whole = false;
    const faultOf = (): TcpFault | undefined => (whole ? undefined : fault);
    const proxy = await startTcpProxy(sides[side].server.port, faultOf);
    const urls = through(run, side, proxy.port);
    try {
      await withClient(async (http) => {
        const { report } = await runMirror(urls, { http });
        if (report.outcome !== "equal") {
          expect(["unreachable", "malformed-answer"], report.error?.message).toContain(report.error?.code);
          expect(report.error?.message).toContain(`${side} http://127.0.0.1:${proxy.port}/`);
        }
        const shown = await expectNothingHalfShown(sides, run);
        if (report.outcome === "equal") expect(shown).toEqual(run.next);
        whole = true;
      });
      // Connections that the first client kept have a cut before them still.
      await withClient(async (http) => {
        const { report } = await runMirror(urls, { http });
        expect(report.outcome, report.error?.message).toBe("equal");
        await expectEqual(sides, run);
      });
    } finally {
      await proxy.close();
    }
  });
});

describe("a kept connection that the server closed just before the next request", () => {
  const closed = ({ request }: Exchange): void => void request.socket.destroy();
  const reset = ({ request }: Exchange): void => {
    if ("resetAndDestroy" in request.socket) request.socket.resetAndDestroy();
  };
  const cells = [
    ["source", "upload-pack-advertisement"],
    ["source", "ls-refs"],
    ["source", "fetch"],
    ["mirror", "upload-pack-advertisement"],
    ["mirror", "ls-refs"],
    ["mirror", "receive-pack-advertisement"],
    // A small push only: it is one block that can go out again, and the reading back judges it either way.
    ["mirror", "receive-pack"],
  ] as const;

  test.each(cells)("the %s's %s goes out again on another, and the run is equal", async (side, service) => {
    const used = new WeakSet<object>();
    let drop: ((exchange: Exchange) => void) | undefined;
    let dropped = 0;
    sides[side].before = async (record, exchange): Promise<Intervention | undefined> => {
      const kept = used.has(exchange.request.socket);
      used.add(exchange.request.socket);
      if (!kept || drop === undefined || record.service !== service) return undefined;
      dropped++;
      return { answer: drop };
    };
    await withClient(async (http) => {
      for (const way of [closed, reset]) {
        drop = undefined;
        expect((await runMirror(await sides.begin(), { http })).report.outcome).toBe("equal");
        dropped = 0;
        drop = way;
        const run = await sides.begin();
        const { report } = await runMirror(run, { http });
        expect(report.outcome, report.error?.message).toBe("equal");
        expect(dropped).toBeGreaterThan(0);
        await expectEqual(sides, run);
      }
    });
  });
});

test("a deadline in the middle of the fetch is reported as such, and nothing moves", async () => {
  const run = await sides.begin();
  const deadline = new AbortController();
  sides.source.rules.push({ on: "fetch", fault: { kind: "hang", afterBytes: 50 } });
  sides.source.before = async ({ service }) => {
    if (service === "fetch") deadline.abort(new MirrorError("deadline", "The job's 840 s are over."));
  };
  await withClient(async (http) => {
    const { report } = await runMirror(run, { http, signal: deadline.signal });
    expect(report.error).toMatchObject({ code: "deadline" });
    await expectUnmoved(sides, run);
  });
});

function through(
  run: MirrorCase,
  side: "source" | "mirror",
  port: number,
): Pick<MirrorCase, "sourceUrl" | "mirrorUrl"> {
  const key = side === "source" ? "sourceUrl" : "mirrorUrl";
  const url = new URL(run[key]);
  url.port = String(port);
  return { sourceUrl: run.sourceUrl, mirrorUrl: run.mirrorUrl, [key]: url.href };
}

async function withClient(use: (http: HttpClient) => Promise<void>): Promise<void> {
  const http = createHttpClient();
  try {
    await use(http);
  } finally {
    http.close();
  }
}
