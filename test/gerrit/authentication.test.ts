// Who may post to the webhook, through the use case: the table of proofs and configurations, rotation, unreadable secrets.
import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { METRICS } from "../../src/contract.ts";
import { receiveEvent, type WebhookRequest } from "../../src/receive-event.ts";
import { created, post, SECRET, SIGNING, site, world } from "../support/webhook-world.ts";

const PATH = { secret: "hook" };
const BOTH = { secret: "hook", signingSecret: "signing" };
const signature = (secret: string, body: Buffer = created) => ({
  path: "/webhook",
  headers: { "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}` },
});

test.each<[string, object, Partial<WebhookRequest>, number]>([
  ["the right path secret", PATH, {}, 200],
  ["the right path secret, percent-encoded", PATH, { path: `/webhook/${SECRET.replaceAll("-", "%2D")}` }, 200],
  ["the previous path secret", PATH, { path: "/webhook/previous-secret-0123456789abcdef" }, 200],
  ["a wrong path secret", PATH, { path: `/webhook/${SECRET}x` }, 401],
  ["the start of the path secret", PATH, { path: `/webhook/${SECRET.slice(0, -1)}` }, 401],
  ["a secret in the query's place", PATH, { path: "/webhook" }, 401],
  ["an empty path secret", PATH, { path: "/webhook/" }, 401],
  ["a path that cannot be decoded", PATH, { path: "/webhook/%zz" }, 401],
  ["the right signature", BOTH, signature(SIGNING), 200],
  ["the path secret beside a signing secret", BOTH, {}, 200],
  ["a signature with the path secret", BOTH, signature(SECRET), 401],
  ["the signing secret in the path", BOTH, { path: `/webhook/${SIGNING}` }, 401],
  ["a signature of another body", BOTH, signature(SIGNING, Buffer.from("{}")), 401],
  ["a signature that is none", BOTH, { path: "/webhook", headers: { "x-hub-signature-256": "sha256=" } }, 401],
  ["a right signature when none is configured", PATH, signature(SIGNING), 401],
  ["a right path secret when only signatures are", { signingSecret: "signing" }, {}, 401],
  ["a right signature when only signatures are", { signingSecret: "signing" }, signature(SIGNING), 200],
  ["a path secret when nothing is configured", {}, {}, 401],
  ["a signature when nothing is configured", {}, signature(SIGNING), 401],
])("%s", async (_, webhook, request, status) => {
  const { ports, jobs, logs, metrics } = world({
    config: site(webhook),
    secrets: { hook: [SECRET, "previous-secret-0123456789abcdef"], signing: [SIGNING] },
  });
  const answer = await receiveEvent(post(created, request), ports);
  expect(answer.status).toBe(status);
  if (status === 200) return;
  expect(answer.body).toBe('{"error":"bad or missing secret"}');
  expect(jobs).toEqual([]);
  expect(metrics).toEqual([`${METRICS.eventsRefused} 1 Count`]);
  expect(logs).toMatchObject([{ level: "warn", message: "event refused", fields: { status: 401 } }]);
  expect(JSON.stringify(logs)).not.toMatch(/secret-of-this-test/);
});

test("a body that was signed and is no UTF-8 is refused, since what octokit verifies is text", async () => {
  const { ports } = world({ config: site({ signingSecret: "signing" }) });
  const replaced = signature(SIGNING, Buffer.from("\ufffd"));
  expect((await receiveEvent(post(Buffer.from([0xff]), replaced), ports)).status).toBe(401);
  expect((await receiveEvent(post(Buffer.from(""), replaced), ports)).status).toBe(401);
});

test("a rotated path or signing secret works at once, by one fresh read", async () => {
  for (const request of [{}, signature(SIGNING)]) {
    const { ports, reads } = world({
      config: site(BOTH),
      secrets: { hook: ["old-secret-0123456789abcdef"], signing: ["old-secret-0123456789abcdef"] },
      rotated: { hook: [SECRET], signing: [SIGNING] },
    });
    expect((await receiveEvent(post(created, request), ports)).status).toBe(200);
    expect(reads[1]).toBe(`${reads[0]} fresh`);
    expect(reads).toHaveLength(2);
  }
});

test("a secret that cannot be read is 401 and an error in the log with its name", async () => {
  const { ports, logs } = world({ secrets: {} });
  expect((await receiveEvent(post(created), ports)).status).toBe(401);
  expect(logs[0]).toMatchObject({ level: "error", fields: { secret: "hook" } });
});

test("a malformed previous version does not take the current one's validity", async () => {
  const { ports, logs } = world({ secrets: { hook: [SECRET, '{"password": 1}'] } });
  expect((await receiveEvent(post(created), ports)).status).toBe(200);
  expect(logs.map(({ level }) => level)).toEqual(["info"]);
});
