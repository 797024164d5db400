// What fails around the mirror: lost races, restarts, posts that get lost, passwords. Nothing stays lost.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GerritWorld, HOST_ACCOUNT, jobsOf, MIRROR_ACCOUNT, startGerritWorld } from "../support/gerrit-world.ts";
import { commit, refsOf, resolve } from "../support/repositories.ts";

let world: GerritWorld;
beforeAll(async () => {
  world = await startGerritWorld();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

describe("a push between our list and our fetch", () => {
  test("that replaced the wanted commit (`want not valid`) is listed again, and never shows an old value", async () => {
    const work = await world.addMirrored("raced");
    const first = await resolve(work, "refs/heads/main");
    await commit(work, { files: { "a.txt": "first\n" } });
    const raced = once(async () => {
      await commit(work, { parents: [first], files: { "b.txt": "second\n" }, message: "another" });
      await world.admin.push(work, "raced", "+refs/heads/main");
    });
    world.source.before = ({ kind, path }) => (kind === "fetch" && path.includes("/raced/") ? raced() : nothing());
    await world.admin.push(work, "raced", "refs/heads/main");
    await world.untilEqual("raced");
    world.source.before = undefined;
    expect(await refsOf(world.mirrorOf("raced"))).toEqual(
      new Map([["refs/heads/main", await resolve(work, "refs/heads/main")]]),
    );
    const fetches = world.source.records.filter(({ kind, path }) => kind === "fetch" && path.includes("/raced/"));
    expect(fetches.map(({ beginning }) => /ERR want [0-9a-f]{40} not valid/.test(beginning))).toContain(true);
    // Within the job, not by trying it again later.
    expect(jobsOf(world.service().output(), "raced").map(({ outcome }) => outcome)).not.toContain("failed");
    await world.fsck("raced");
  });

  test("that deleted the branch ends with the branch gone", async () => {
    const work = await world.addMirrored("raced-away");
    await commit(work, { branch: "topic", parents: ["refs/heads/main"], files: { "a.txt": "a\n" } });
    const raced = once(() => world.admin.push(work, "raced-away", ":refs/heads/topic"));
    world.source.before = ({ kind, path }) => (kind === "fetch" && path.includes("/raced-away/") ? raced() : nothing());
    await world.admin.push(work, "raced-away", "refs/heads/topic");
    await expect.poll(async () => (await world.statusOf("raced-away")).state, POLL).toBe("equal");
    await world.untilEqual("raced-away");
    world.source.before = undefined;
    expect([...(await refsOf(world.mirrorOf("raced-away"))).keys()]).toEqual(["refs/heads/main"]);
  });
});

describe("Gerrit", () => {
  test("killed between our list and our fetch and started again: the job comes back by itself", async () => {
    const work = await world.addMirrored("restarted");
    await commit(work, { files: { "a.txt": "a\n" } });
    const killed = once(() => world.gerrit.stop("SIGKILL"));
    world.source.before = ({ kind }) => (kind === "fetch" ? killed() : nothing());
    await world.admin.push(work, "restarted", "refs/heads/main");
    await expect.poll(async () => (await world.statusOf("restarted")).state, POLL).toBe("failed");
    world.source.before = undefined;
    await world.gerrit.start();
    await world.untilEqual("restarted", 60_000);
    await expect.poll(async () => (await world.statusOf("restarted")).state, POLL).toBe("equal");
  });

  test("that posts events while its Git side is down is mirrored when that is back", async () => {
    const work = await world.addMirrored("git-down");
    world.source.down = true;
    await commit(work, { files: { "a.txt": "a\n" } });
    await world.admin.push(work, "git-down", "refs/heads/main");
    await expect.poll(async () => (await world.statusOf("git-down")).error?.code, POLL).toBe("unreachable");
    world.source.down = false;
    await world.untilEqual("git-down", 60_000);
  });
});

test("posts that found nobody until Gerrit gave up: the sweep finds what they were about, and no more", async () => {
  const names = ["lost-1", "lost-2", "kept"];
  const works = new Map<string, string>();
  for (const name of names) works.set(name, await world.addMirrored(name));
  world.hook.down = true;
  const { cut } = world.hook;
  for (const name of names.slice(0, 2)) {
    const work = works.get(name) ?? "";
    await commit(work, { files: { "a.txt": "lost\n" } });
    await world.admin.push(work, name, "refs/heads/main");
  }
  await expect.poll(() => world.hook.cut - cut, POLL).toBe(10);
  world.hook.down = false;
  expect(await world.differences("lost-1")).toEqual(["refs/heads/main"]);
  const { enqueued } = await world.sweep();
  expect(enqueued.map(({ repository }) => repository).sort()).toEqual(["lost-1", "lost-2"]);
  for (const name of names) await world.untilEqual(name);
});

test("gerrit-mirror killed and started again takes the next post, and finds what it missed", async () => {
  const work = await world.addMirrored("killed");
  await world.service().end("SIGKILL");
  await commit(work, { files: { "a.txt": "a\n" } });
  await world.admin.push(work, "killed", "refs/heads/main");
  await world.restartService();
  await world.untilEqual("killed");
});

describe("a password", () => {
  test("of Gerrit that was rotated fails with the remedy, and works again when the secret is replaced", async () => {
    const work = await world.addMirrored("rotated");
    const rotated = { ...MIRROR_ACCOUNT, password: "rotated-password-of-the-tests" };
    await world.admin.setPassword(rotated);
    await commit(work, { files: { "a.txt": "a\n" } });
    await world.admin.push(work, "rotated", "refs/heads/main");
    await expect.poll(async () => (await world.statusOf("rotated")).error?.code, POLL).toBe("credential-refused");
    expect(await world.differences("rotated")).toEqual(["refs/heads/main"]);
    await world.writeSecrets({ gerrit: rotated });
    await world.untilEqual("rotated", 60_000);
    await world.admin.setPassword(MIRROR_ACCOUNT);
    await world.writeSecrets({});
    expect(world.service().output()).not.toContain(rotated.password);
  });

  test("of Gerrit replaced before the old one ended is never refused", async () => {
    const work = await world.addMirrored("in-time");
    const rotated = { ...MIRROR_ACCOUNT, password: "another-password-of-the-tests" };
    await world.writeSecrets({ gerrit: rotated });
    await world.admin.setPassword(rotated);
    await commit(work, { files: { "a.txt": "a\n" } });
    await world.admin.push(work, "in-time", "refs/heads/main");
    await world.untilEqual("in-time");
    expect(jobsOf(world.service().output(), "in-time").every(({ outcome }) => outcome === "equal")).toBe(true);
    await world.admin.setPassword(MIRROR_ACCOUNT);
    await world.writeSecrets({});
  });

  test("of the mirror that is wrong fails with the remedy, and works again when the secret is replaced", async () => {
    const work = await world.addMirrored("wrong");
    await world.writeSecrets({ host: { ...HOST_ACCOUNT, password: "wrong-password-of-the-tests" } });
    await world.restartService();
    await commit(work, { files: { "a.txt": "a\n" } });
    await world.admin.push(work, "wrong", "refs/heads/main");
    await expect.poll(async () => (await world.statusOf("wrong")).error?.code, POLL).toBe("credential-refused");
    await world.writeSecrets({});
    await world.untilEqual("wrong", 60_000);
    expect(world.service().output()).not.toContain("wrong-password-of-the-tests");
  });
});

const POLL = { timeout: 20_000, interval: 100 };

async function nothing(): Promise<void> {}

/** Later calls wait for the first one. */
function once(work: () => Promise<void>): () => Promise<void> {
  let begun: Promise<void> | undefined;
  return () => {
    begun ??= work();
    return begun;
  };
}
