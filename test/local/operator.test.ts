// The operator's listener: who is let in, and what it answers.
import { request } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Operator, startOperator } from "../../local/operator.ts";
import { MirrorError } from "../../src/errors.ts";
import { Secret } from "../../src/model/secret.ts";

const TOKEN = "operator-token";
let operator: Operator;
let asked: string[];

beforeEach(async () => {
  asked = [];
  operator = await startOperator({
    token: new Secret(TOKEN),
    log: () => {},
    routes: {
      "GET /status": async (query) => {
        asked.push(`status ${query.get("repository")}`);
        return { totals: {} };
      },
      "POST /sweep": async (query) => {
        if (query.get("mirror") === "none") throw new MirrorError("usage", "There is no mirror none.");
        if (query.get("mirror") === "down") throw new MirrorError("unreachable", "No answer.");
        return { compared: 3 };
      },
    },
  });
});

afterEach(() => operator.close());

describe("the operator's listener", () => {
  test("answers who has the token", async () => {
    expect(await ask("GET", "/status?repository=a%2Fb%20c")).toEqual({ status: 200, body: { totals: {} } });
    expect(asked).toEqual(["status a/b c"]);
    expect(await ask("POST", "/sweep")).toEqual({ status: 200, body: { compared: 3 } });
  });

  test("listens on loopback", () => {
    expect(operator.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  test("refuses a missing and a wrong token", async () => {
    for (const authorization of [undefined, "", "Bearer ", "Bearer x", `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN]) {
      expect(await ask("GET", "/status", { authorization })).toMatchObject({ status: 401 });
    }
    expect(asked).toEqual([]);
  });

  test("refuses another Host than its own address, also with the token", async () => {
    const { port } = new URL(operator.url);
    for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1", `localhost:${port}`]) {
      expect(await ask("GET", "/status", { host })).toMatchObject({ status: 403 });
    }
    expect(asked).toEqual([]);
  });

  test("says 404 for other paths and 405 for other methods", async () => {
    expect(await ask("GET", "/nothing")).toMatchObject({ status: 404 });
    expect(await ask("GET", "/sweep")).toMatchObject({ status: 405 });
    expect(await ask("GET", "/toString")).toMatchObject({ status: 404 });
  });

  test("answers an error with its code, message and remedy", async () => {
    expect(await ask("POST", "/sweep?mirror=none")).toMatchObject({ status: 400, body: { error: { code: "usage" } } });
    expect(await ask("POST", "/sweep?mirror=down")).toEqual({
      status: 500,
      body: { error: { code: "unreachable", message: "No answer.", remedy: expect.any(String) } },
    });
  });
});

type Given = { authorization?: string | undefined; host?: string };

/** Not with `fetch`: that one sets the Host itself. */
function ask(method: string, path: string, given: Given = {}): Promise<{ status: number | undefined; body: unknown }> {
  const { authorization } = "authorization" in given ? given : { authorization: `Bearer ${TOKEN}` };
  const headers = {
    ...(authorization === undefined ? {} : { authorization }),
    ...(given.host ? { host: given.host } : {}),
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${operator.url}${path}`, { method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
    });
    sent.once("error", reject);
    sent.end();
  });
}
