// The service from start to end as a process: what it prints and answers, how it is asked, stopped and killed.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commit, deleteRef } from "../support/repositories.ts";
import { startServiceProcess } from "../support/service-process.ts";
import { type ServiceWorld, startServiceWorld, WEBHOOK_SECRET } from "../support/service-world.ts";

const PASSWORDS = ["source-password-1234", "mirror-password-5678"];
const SECRETS = {
  source: { username: "me", password: "source-password-1234" },
  mirror: { username: "me", password: "mirror-password-5678" },
};

test("an event in, an equal mirror out; status and sweep through the command; SIGTERM drains; no secret anywhere", async () => {
  await using world = await startServiceWorld({
    secrets: SECRETS,
    source: { secret: "source" },
    mirror: { secret: "mirror" },
  });
  await world.addRepository("tools");
  await using service = await startServiceProcess(world.files, world.folder);
  expect((await fetch(`${service.url}/health`)).status).toBe(200);
  await untilEqual(world, "tools");
  const posted = await service.post(await world.pushToSource("tools"));
  expect([posted.status, await posted.json()]).toEqual([200, { queued: ["main"] }]);
  await untilEqual(world, "tools");
  await expect.poll(async () => (await service.command("status")).code, { timeout: 10_000 }).toBe(0);

  const status = await service.command("status", "--json");
  expect(JSON.parse(status.stdout)).toMatchObject({
    totals: { equal: 1 },
    repositories: [{ repository: "tools", mirror: "main", state: "equal", lag: expect.any(Number) }],
  });
  const quiet = await service.command("sweep", "--json");
  expect([quiet.code, JSON.parse(quiet.stdout)]).toMatchObject([0, { finished: true, equal: 1, enqueued: [] }]);
  await world.pushToSource("tools", "lost");
  const found = await service.command("sweep", "--json");
  expect([found.code, JSON.parse(found.stdout)]).toMatchObject([
    1,
    { enqueued: [{ repository: "tools", mirror: "main" }] },
  ]);
  await untilEqual(world, "tools");

  expect((await service.post("{}", "/webhook/wrong-secret-of-nobody")).status).toBe(401);
  expect((await service.post("no json")).status).toBe(400);
  expect((await service.post("{}", "/elsewhere")).status).toBe(404);
  expect((await service.post("x".repeat(300_000))).status).toBe(413);
  expect((await service.command("status", "never-heard-of")).code).toBe(1);
  expect((await service.command("sweep", "--mirror", "nowhere")).code).toBe(2);

  expect(await service.end("SIGTERM")).toBe(0);
  const written = await everything(join(world.folder, ".gerrit-mirror"));
  expect(written).toContain("tools");
  const said = [service.output(), written, status.stdout, found.stdout, found.stderr].join("\n");
  for (const secret of [WEBHOOK_SECRET, "wrong-secret-of-nobody", ...PASSWORDS, ...PASSWORDS.map(encoded)]) {
    expect([secret, said.includes(secret)]).toEqual([secret, false]);
  }
}, 60_000);

test("what is not equal shows in the status command's exit code, with the cause and what to do", async () => {
  await using world = await startServiceWorld();
  await world.addRepository("tools");
  await commit(world.servers.mirrorOf("tools", "main"), { files: { "b.txt": "other\n" } });
  await using service = await startServiceProcess(world.files, world.folder);
  await expect
    .poll(async () => JSON.parse((await service.command("status", "--json")).stdout).totals, { timeout: 10_000 })
    .toEqual({ foreign: 1 });
  const { code, stdout } = await service.command("status");
  expect(code).toBe(1);
  expect(stdout).toMatch(/foreign +tools -> main[\s\S]*--adopt/);
});

test("killed and started again, the sweep finds everything, also on a lane that was down", async () => {
  await using world = await startServiceWorld();
  const names = ["r1", "r2", "r3", "r4", "r5", "r6"];
  for (const name of names) await world.addRepository(name);
  const { rules } = world.servers.side("main");
  rules.push({ on: () => true, fault: { kind: "reset" }, times: Infinity });
  {
    await using service = await startServiceProcess(world.files, world.folder);
    for (const name of names) expect((await service.post(await world.pushToSource(name))).status).toBe(200);
    await expect.poll(() => service.output().includes('"lane down"'), { timeout: 10_000 }).toBe(true);
    expect(await service.end("SIGKILL")).toBe("SIGKILL");
  }
  rules.length = 0;
  await deleteRef(world.servers.sourceOf("r1"), "refs/heads/main");
  await commit(world.servers.sourceOf("r1"), { branch: "other" });
  await using service = await startServiceProcess(world.files, world.folder);
  for (const name of names) await untilEqual(world, name);
  await expect.poll(async () => (await service.command("status")).code, { timeout: 10_000 }).toBe(0);
  expect(service.output()).toContain('"lane up"');
  expect(await service.end("SIGTERM")).toBe(0);
}, 60_000);

async function untilEqual(world: ServiceWorld, name: string): Promise<void> {
  await expect.poll(() => world.isEqual(name), { timeout: 15_000, interval: 50 }).toBe(true);
}

/** All files below the folder as one text. */
async function everything(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true });
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "latin1").catch(() => "")));
  return texts.join("\n");
}

function encoded(password: string): string {
  return Buffer.from(`me:${password}`).toString("base64");
}
