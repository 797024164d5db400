// Listing a Gerrit's projects, against a function that answers as Gerrit's REST API does.
import { describe, expect, test } from "vitest";
import { listProjects } from "../../src/gerrit/projects.ts";
import { Secret } from "../../src/model/secret.ts";
import type { HttpClient, HttpRequest } from "../../src/ports.ts";

type Answer = { status?: number; headers?: Record<string, string>; text?: string };

const URL_ = "https://gerrit.example.com/r/";
const json = (value: unknown): string => `)]}'\n${JSON.stringify(value)}\n`;

/** Records the requests; each answer comes in two chunks. */
function client(respond: (request: HttpRequest, index: number) => Answer): {
  http: HttpClient;
  requests: HttpRequest[];
} {
  const requests: HttpRequest[] = [];
  const http: HttpClient = async (request) => {
    const { status = 200, headers = {}, text = "" } = respond(request, requests.push(request) - 1);
    const bytes = Buffer.from(text);
    async function* body() {
      yield bytes.subarray(0, 3);
      yield bytes.subarray(3);
    }
    return { status, headers, body: body(), destroy: () => {} };
  };
  return { http, requests };
}

/** A Gerrit that pages by `n` and `S` and marks a cut list, at most `limit` entries a page. */
function gerrit(names: () => string[], { limit = Number.POSITIVE_INFINITY, marks = true } = {}) {
  return client(({ url }) => {
    const query = new URL(url).searchParams;
    const [n, start] = [Number(query.get("n")), Number(query.get("S"))];
    const all = names();
    const shown = all.slice(start, start + Math.min(n, limit));
    const cut = marks && start + shown.length < all.length;
    const last = shown.at(-1);
    return {
      text: json(
        Object.fromEntries(
          shown.map((name) => [name, { state: "ACTIVE", ...(cut && name === last && { _more_projects: true }) }]),
        ),
      ),
    };
  });
}

async function list(http: HttpClient, page?: number, authorization?: Secret): Promise<string[][]> {
  const pages: string[][] = [];
  for await (const names of listProjects(http, { url: URL_, ...(authorization && { authorization }) }, page)) {
    pages.push(names);
  }
  return pages;
}

const named = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `team/p${String(i).padStart(4, "0")}`);

describe("the request", () => {
  test("goes to /a/ with the credential", async () => {
    const { http, requests } = gerrit(() => ["p"]);
    await list(http, undefined, new Secret("Basic eDp5"));
    expect(requests.map(({ url }) => url)).toEqual(["https://gerrit.example.com/r/a/projects/?n=500&S=0"]);
    expect(requests[0]?.headers).toEqual({ accept: "application/json", authorization: "Basic eDp5" });
  });

  test("goes without /a/ and without a header when there is no credential", async () => {
    const { http, requests } = gerrit(() => ["p"]);
    await list(http);
    expect(requests[0]?.url).toBe("https://gerrit.example.com/r/projects/?n=500&S=0");
    expect(requests[0]?.headers).toEqual({ accept: "application/json" });
  });
});

describe("the list", () => {
  test("holds active and read-only projects and those that say nothing", async () => {
    const { http } = client(() => ({
      text: json({
        a: { state: "ACTIVE" },
        b: { state: "READ_ONLY" },
        c: {},
        d: { state: "HIDDEN" },
        "e f/ü": { id: "e" },
      }),
    }));
    expect(await list(http)).toEqual([["a", "b", "c", "e f/ü"]]);
  });

  test("is empty without a page when there is no project", async () => {
    expect(await list(client(() => ({ text: json({}) })).http)).toEqual([]);
  });

  test.each([
    ["marked pages", { marks: true }],
    ["pages without the mark (before 3.9)", { marks: false }],
    ["a server that shows fewer than asked for", { limit: 3, marks: true }],
  ])("is whole and without doubles with %s", async (_, options) => {
    for (const count of [1, 4, 5, 6, 9, 10, 37]) {
      const names = ["123", ...named(count - 1)];
      expect((await list(gerrit(() => names, options).http, 5)).flat()).toEqual(names);
    }
  });

  test("ends when a server shows the same whole list for every page", async () => {
    const { http, requests } = client(() => ({ text: json(Object.fromEntries(named(7).map((name) => [name, {}]))) }));
    expect((await list(http, 5)).flat()).toEqual(named(7));
    expect(requests).toHaveLength(2);
  });

  test("has a project that was made before the place reached only once, and misses none", async () => {
    let names = named(12);
    const { http } = gerrit(() => names);
    const pages: string[] = [];
    for await (const page of listProjects(http, { url: URL_ }, 5)) {
      pages.push(...page);
      if (names.length === 12) names = ["a-new-one", ...names];
    }
    expect(pages).toEqual(named(12));
  });

  test("is `busy`, never shorter, when a project was deleted before the place reached", async () => {
    let names = named(12);
    const { http } = gerrit(() => names);
    const read = async () => {
      for await (const _ of listProjects(http, { url: URL_ }, 5)) names = names.slice(1);
    };
    await expect(read()).rejects.toMatchObject({ code: "busy", side: "source" });
  });
});

describe("answers that are no list", () => {
  test.each<[string, Answer, object]>([
    ["401", { status: 401 }, { code: "credential-refused" }],
    ["403", { status: 403 }, { code: "forbidden" }],
    ["404", { status: 404 }, { code: "not-found", remedy: expect.stringContaining("source.url") }],
    ["429", { status: 429, headers: { "retry-after": "17" } }, { code: "throttled", retryAfterSeconds: 17 }],
    ["500", { status: 500 }, { code: "server-error" }],
    [
      "503 with a time",
      { status: 503, headers: { "retry-after": "5" } },
      { code: "server-error", retryAfterSeconds: 5 },
    ],
    ["302", { status: 302, headers: { location: "https://sso.example.com/" } }, { code: "redirected" }],
    ["400", { status: 400 }, { code: "request-refused" }],
    ["a sign-in page", { text: "<!doctype html><title>Sign in</title>" }, { code: "not-git" }],
    ["nothing", { text: "" }, { code: "not-git" }],
    ["a JSON list", { text: json([]) }, { code: "not-git" }],
    ["JSON that ends early", { text: json({ a: {} }).slice(0, -4) }, { code: "malformed-answer" }],
    ["a project that is no object", { text: json({ a: null }) }, { code: "malformed-answer" }],
    ["more to come but nothing shown", { text: json({ a: { _more_projects: true } }) }, { code: "malformed-answer" }],
  ])("%s", async (_, answer, error) => {
    await expect(list(client(() => answer).http)).rejects.toMatchObject({ side: "source", ...error });
  });

  test("a failing second page fails the list", async () => {
    const first = { text: json({ a: {}, b: { _more_projects: true } }) };
    const { http } = client((_, index) => (index === 0 ? first : { status: 500 }));
    await expect(list(http, 2)).rejects.toMatchObject({ code: "server-error" });
  });

  test("a page over 32 MiB is dropped", async () => {
    const http: HttpClient = async () => {
      async function* body() {
        for (;;) yield new Uint8Array(1024 * 1024);
      }
      return { status: 200, headers: {}, body: body(), destroy: () => {} };
    };
    await expect(list(http)).rejects.toMatchObject({ code: "unsupported" });
  });

  test("a list without end is dropped at 100,000 projects", async () => {
    const { http } = client((_, index) => ({
      text: json(Object.fromEntries(Array.from({ length: 40_001 }, (_, i) => [`p${index * 40_000 + i}`, {}]))),
    }));
    await expect(list(http, 40_001)).rejects.toMatchObject({ code: "unsupported" });
  });

  test("no message holds the credential", async () => {
    const { http } = client(() => ({ status: 401 }));
    const error = await list(http, 5, new Secret("Basic c2VjcmV0")).catch((thrown: Error) => thrown);
    expect(String(error)).not.toContain("c2VjcmV0");
  });
});
