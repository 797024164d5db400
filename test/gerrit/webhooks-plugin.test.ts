// The REST API of Gerrit's webhooks plugin, against a stand-in with its measured quirks.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createHttpClient } from "../../src/adapters/node-http.ts";
import type { GerritRest } from "../../src/gerrit/rest.ts";
import {
  deleteRemote,
  differencesOf,
  EVENTS,
  readRemotes,
  SETTINGS,
  writeRemote,
} from "../../src/gerrit/webhooks-plugin.ts";
import { authorizationHeader } from "../../src/host/credentials.ts";
import { Secret } from "../../src/model/secret.ts";
import { OWNER, READER, startWebhooksRest, type WebhooksRest } from "../support/webhooks-rest.ts";

const ID = { project: "team/app", name: "gerrit-mirror" };
const SECRET = "url-secret-of-this-test-0123456789";
const URL_ = new Secret(`https://mirror.example.com/webhook/${SECRET}`);

let rest: WebhooksRest;
const http = createHttpClient();
const as = ({ username, password }: typeof OWNER): GerritRest => ({
  http,
  url: `${rest.url}/`,
  authorization: authorizationHeader("git", { username, password: new Secret(password) }),
});

beforeAll(async () => {
  rest = await startWebhooksRest();
});
afterAll(async () => {
  http.close();
  await rest[Symbol.asyncDispose]();
});
beforeEach(() => {
  for (const file of rest.files.values()) file.clear();
  rest.requests.length = 0;
  for (const key of ["plugin", "global", "caps", "onPut"] as const) delete rest.options[key];
});

describe("a remote that is written", () => {
  test("goes out in the API's own words and is in force as written", async () => {
    await writeRemote(as(OWNER), ID, URL_);
    expect(rest.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "PUT /a/config/server/webhooks~projects/team%2Fapp/remotes/gerrit-mirror",
    ]);
    expect(rest.inForce("team/app")).toEqual({
      "gerrit-mirror": {
        url: URL_.expose(),
        events: ["ref-updated", "project-created", "project-head-updated"],
        ssl_verify: true,
        connection_timeout: 5000,
        socket_timeout: 30000,
        max_tries: 200,
        retry_interval: 15000,
      },
    });
    const ours = (await readRemotes(as(OWNER), "team/app"))?.get("gerrit-mirror");
    expect(ours?.url.expose()).toBe(URL_.expose());
    expect(ours && differencesOf(ours)).toEqual({ failures: [], notes: [] });
  });

  test("loses what a person had set otherwise, and leaves other remotes as they are", async () => {
    rest.files.get("team/app")?.set("gerrit-mirror", { url: "x", events: [], connection_timeout: 1, max_tries: 0 });
    rest.files.get("team/app")?.set("ci", { url: "https://ci.example.com/", max_tries: 3 });
    await writeRemote(as(OWNER), ID, URL_);
    const { ci, "gerrit-mirror": ours } = rest.inForce("team/app");
    expect(ours).toMatchObject({ ...SETTINGS, events: EVENTS });
    expect(ci).toMatchObject({ url: "https://ci.example.com/", max_tries: 3 });
  });

  test("by an account that is no administrator is refused with a remedy", async () => {
    await expect(writeRemote(as(READER), ID, URL_)).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("not allowed to update webhooks"),
      remedy: expect.stringContaining("GERRIT_MIRROR_ADMIN_AUTH"),
    });
  });

  test("shows its secret in no refusal, even when Gerrit repeats it", async () => {
    rest.options.onPut = () => 500;
    const error = await writeRemote(as(OWNER), ID, URL_).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: "server-error", message: expect.stringContaining("[secret]") });
    expect(JSON.stringify([error, String(error)])).not.toContain(SECRET);
  });
});

describe("differences", () => {
  const read = async () => {
    const ours = (await readRemotes(as(OWNER), "team/app"))?.get("gerrit-mirror");
    if (ours === undefined) throw new Error("no remote");
    return differencesOf(ours);
  };

  test("name the field, the value written and the value read, as where gerrit.config caps it", async () => {
    rest.options.caps = { max_tries: 10 };
    await writeRemote(as(OWNER), ID, URL_);
    expect(await read()).toEqual({
      failures: [
        { field: "max_tries", written: "200", read: "10", remedy: expect.stringContaining("`maxAllowedTries`") },
      ],
      notes: [],
    });
  });

  test("are a note where our value is the built-in default, which the file cannot hold over gerrit.config's", async () => {
    rest.options.global = { connection_timeout: 700 };
    await writeRemote(as(OWNER), ID, URL_);
    expect(await read()).toEqual({ failures: [], notes: [expect.stringContaining("connection_timeout is 700")] });
  });

  test("are seen in every field of a remote that was written in camelCase words, which Gerrit passes over", async () => {
    rest.files.get("team/app")?.set("gerrit-mirror", { url: URL_.expose(), sslVerify: true, maxTries: 200 });
    const { failures } = await read();
    expect(failures.map(({ field }) => field)).toEqual([
      "events",
      "ssl_verify",
      "socket_timeout",
      "max_tries",
      "retry_interval",
    ]);
    expect(failures[0]?.read).toBe("none, which means every type");
  });

  test("are none when the events stand in another order", async () => {
    await writeRemote(as(OWNER), ID, URL_);
    const own = rest.files.get("team/app")?.get("gerrit-mirror");
    if (own !== undefined) own.events = EVENTS.toReversed();
    expect((await read()).failures).toEqual([]);
  });
});

describe("reading", () => {
  test("shows what a project inherits", async () => {
    await writeRemote(as(OWNER), { ...ID, project: "All-Projects" }, URL_);
    expect([...((await readRemotes(as(OWNER), "team/app")) ?? [])].map(([name]) => name)).toEqual(["gerrit-mirror"]);
  });

  test("is undefined without the plugin, and not-found for a project that is not there", async () => {
    await expect(readRemotes(as(OWNER), "team/none")).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining('"team/none"'),
      remedy: expect.stringContaining("%2F"),
    });
    rest.options.plugin = false;
    expect(await readRemotes(as(OWNER), "team/app")).toBeUndefined();
    await expect(readRemotes(as(OWNER), "team/none")).rejects.toMatchObject({ code: "not-found" });
  });

  test("with a wrong password is credential-refused, and no message holds it", async () => {
    const error = await readRemotes(as({ username: "admin", password: "wrong-one" }), "team/app").catch(
      (e: Error) => e,
    );
    expect(error).toMatchObject({ code: "credential-refused" });
    expect(String(error)).not.toContain(Buffer.from("admin:wrong-one").toString("base64"));
  });
});

test("a remote is deleted without a JSON type, which Gerrit would refuse, and one that is not there is no failure", async () => {
  await writeRemote(as(OWNER), ID, URL_);
  await deleteRemote(as(OWNER), ID);
  expect(rest.inForce("team/app")).toEqual({});
  await deleteRemote(as(OWNER), ID);
});
