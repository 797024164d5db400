// hooks/ref-updated as Gerrit's hooks plugin calls it, with the real shell, curl and openssl, against the real receiver.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { WebhookReceiver } from "../support/webhook-receiver.ts";
import { PUBLIC, SIGNING } from "../support/webhook-site.ts";
import { A, B, ZEROS } from "../support/webhook-world.ts";
import { call, closeHooks, installed, isEmpty, lastFailure, receive, until } from "./hook-kit.ts";

afterEach(closeHooks);

describe("a call", () => {
  test("makes the receiver queue a job, and its settings can be read by their owner alone", async () => {
    const hooks = await installed();
    expect(await call(hooks, { old: ZEROS, new: B, ref: "refs/heads/topic/x" })).toBe(0);
    await until("a job for each mirror", () => hooks.receiver.jobs.length === 1);
    expect(hooks.receiver.jobs).toMatchObject([
      { repository: "ev/one", cause: "event", refs: [{ ref: "refs/heads/topic/x", deleted: false }] },
    ]);
    expect(await call(hooks, { new: ZEROS })).toBe(0);
    await until("a deletion", () => hooks.receiver.jobs.length === 2);
    expect(hooks.receiver.jobs[1]?.refs).toEqual([{ ref: "refs/heads/main", deleted: true, old: A }]);
    expect(Object.keys(JSON.parse(hooks.receiver.bodies[0] ?? ""))).toEqual(["refUpdate", "type", "eventCreatedOn"]);
    expect((await stat(join(hooks.folder, "gerrit-mirror.settings"))).mode & 0o777).toBe(0o600);
    await until("an empty spool", () => isEmpty(hooks));
  });

  test.each([
    "a b",
    "ä/日本",
    'q"uote',
    "per%cent+plus",
    "dollar$(id)`id`",
    "a'b;c&d|e>f*",
    "-n",
    "tab\tline\nend",
    "back\\slash",
  ])("carries the project's name as it is: %j", async (project) => {
    const hooks = await installed();
    await call(hooks, { project, ref: `refs/heads/${project.replace(/[\s\\*]/g, "-")}` });
    await until("an answer", () => hooks.receiver.statuses.length === 1);
    const { refUpdate } = JSON.parse(hooks.receiver.bodies[0] ?? "") as { refUpdate: Record<string, string> };
    expect(refUpdate.project).toBe(project);
    // The two that no Gerrit project can have are refused for that, not for their signature.
    expect(hooks.receiver.statuses).toEqual([/[\n\\]/.test(project) ? 400 : 200]);
  });

  test.each([["6".repeat(16)], ["a6-._~".repeat(12).slice(0, 64)], ["long-6".repeat(40)]])(
    "signs as RFC 2104 says with a secret of any length: %#",
    async (signing) => {
      const hooks = await installed({ signing });
      await call(hooks);
      await until("an answer", () => hooks.receiver.statuses.length === 1);
      expect(hooks.receiver.statuses).toEqual([200]);
    },
  );

  test("returns at once while the receiver does not answer", async () => {
    const held = Promise.withResolvers<void>();
    const hooks = await installed({ hold: () => held.promise });
    const times: number[] = [];
    for (let index = 0; index < 9; index++) {
      const begun = performance.now();
      await call(hooks);
      times.push(performance.now() - begun);
    }
    held.resolve();
    expect(times.toSorted((one, other) => one - other)[4]).toBeLessThan(100);
    await until("all posts", () => hooks.receiver.statuses.length === 9);
  });

  test("shows the secret in no argument and no environment of a process", async () => {
    const held = Promise.withResolvers<void>();
    const hooks = await installed({ hold: () => held.promise });
    await call(hooks);
    let seen = "";
    while (hooks.receiver.bodies.length === 0) {
      const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
      const files = pids.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]);
      for (const file of files) seen += await readFile(file, "latin1").catch(() => "");
    }
    held.resolve();
    expect(seen).toContain("ref-updated\0--send");
    expect(seen).not.toContain(SIGNING);
    expect(seen).not.toContain(Buffer.from(SIGNING).toString("hex"));
  });
});

describe("when the receiver is away", () => {
  test("an event is tried again until it is back", async () => {
    const hooks = await installed();
    const { port } = hooks.receiver;
    await hooks.receiver[Symbol.asyncDispose]();
    await call(hooks, {}, { GERRIT_MIRROR_HOOK_WAITS: "0.3 0.3 0.3 0.5 1 2 4" });
    await until("a failure", async () => (await lastFailure(hooks)).includes("tried again"));
    const back: WebhookReceiver = await receive(hooks, { port });
    await until("the event", () => back.statuses.length === 1);
    expect(back.statuses).toEqual([200]);
    await until("an empty spool", () => isEmpty(hooks));
  });

  test("an event is dropped after eight tries, and the last failure says so", async () => {
    const hooks = await installed();
    await hooks.site.writeSecrets({ sign: "signing-secret-that-is-another-one" });
    await call(hooks);
    await until("an empty spool", async () => (await lastFailure(hooks)).includes("dropped") && (await isEmpty(hooks)));
    expect(hooks.receiver.statuses).toEqual(Array(8).fill(401));
    expect(await lastFailure(hooks)).not.toContain(SIGNING);
  });

  test("an event that grows too old between two tries is dropped", async () => {
    const hooks = await installed();
    await hooks.site.writeSecrets({ sign: "signing-secret-that-is-another-one" });
    await mkdir(hooks.spool);
    await writeFile(join(hooks.spool, `${Math.floor(Date.now() / 1000) - 599}.1.event`), "{}");
    await call(hooks, {}, { GERRIT_MIRROR_HOOK_WAITS: "2" });
    await until("an empty spool", async () => (await lastFailure(hooks)).includes("dropped") && (await isEmpty(hooks)));
    // The old one once, the new one twice.
    expect(hooks.receiver.statuses).toEqual([401, 401, 401]);
  });

  test("an event that is too old is dropped without a try, as is one beyond a thousand that wait", async () => {
    const hooks = await installed();
    await mkdir(hooks.spool);
    await Promise.all(
      Array.from({ length: 1001 }, (_, i) => writeFile(join(hooks.spool, `1000000000.${i}.event`), "{}")),
    );
    expect(await call(hooks)).toBe(0);
    expect(await lastFailure(hooks)).toContain("more than 1000 events wait");
    await until("an empty spool", () => isEmpty(hooks));
    expect(hooks.receiver.statuses).toEqual([]);
  });
});

test("many calls at once are posted by four senders, each event once", async () => {
  const hooks = await installed({ hold: () => delay(10) });
  await Promise.all(Array.from({ length: 60 }, (_, index) => call(hooks, { ref: `refs/heads/b${index}` })));
  await until("all posts", async () => hooks.receiver.statuses.length >= 60 && (await isEmpty(hooks)));
  expect(new Set(hooks.receiver.jobs.map(({ refs }) => refs?.[0]?.ref)).size).toBe(60);
  expect(hooks.receiver.statuses).toHaveLength(60);
  expect(hooks.receiver.atOnce()).toBeGreaterThan(1);
  expect(hooks.receiver.atOnce()).toBeLessThanOrEqual(4);
});

test.each([
  ["are gone", 0],
  ["belong to other programs by now", 16],
])("what killed senders left behind is sent when their numbers %s", async (_, minutes) => {
  const hooks = await installed();
  await mkdir(hooks.spool);
  const gone = spawn("true");
  await once(gone, "close");
  const at = new Date(Date.now() - minutes * 60_000);
  for (const slot of [1, 2, 3, 4]) {
    const holder = join(hooks.spool, `slot.${slot}`, String(minutes === 0 ? gone.pid : process.pid));
    await mkdir(join(holder, ".."));
    await writeFile(holder, "");
    await utimes(holder, at, at);
  }
  const now = Math.floor(Date.now() / 1000);
  await writeFile(join(hooks.spool, `${now}.1.sending.${gone.pid}`), '{"type":"left-behind"}');
  await call(hooks);
  await until("both", () => hooks.receiver.bodies.length === 2);
  expect(hooks.receiver.bodies).toContain('{"type":"left-behind"}');
});

test("settings that others can read are refused, and another hook of that name is left alone", async () => {
  const hooks = await installed();
  await chmod(join(hooks.folder, "gerrit-mirror.settings"), 0o644);
  await call(hooks);
  await until("a failure", async () => (await lastFailure(hooks)).includes("chmod 600"));
  expect(hooks.receiver.statuses).toEqual([]);
  await writeFile(join(hooks.folder, "ref-updated"), "#!/bin/sh\n");
  const { code, stderr } = await hooks.site.run(["install", "--hooks", hooks.folder, "--url", PUBLIC, "--yes"]);
  expect(code).toBe(2);
  expect(stderr).toContain('"$@"');
});
