// What is kept on disk, who may read it, and how a running service is found.
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findOperator, openState, stateFolder } from "../../src/adapters/state-folder.ts";
import { makeTemporaryFolder, type TemporaryFolder } from "../support/temporary-folder.ts";

const ADDRESSES = { webhook: "http://127.0.0.1:8080", operator: "http://127.0.0.1:40001" };

let temporary: TemporaryFolder;
let folder: string;
let elsewhere: string;
let env: Record<string, string>;

beforeEach(async () => {
  temporary = await makeTemporaryFolder();
  folder = stateFolder(join(temporary.path, "mirror.config.json"));
  elsewhere = join(temporary.path, "elsewhere");
  env = { XDG_STATE_HOME: join(temporary.path, "xdg"), HOME: join(temporary.path, "home") };
});

afterEach(() => temporary.remove());

describe("the state folder", () => {
  test("is beside the configuration file and its owner's alone", async () => {
    const state = await openState(folder, env);
    await state.announce(ADDRESSES);
    expect(folder).toBe(join(temporary.path, ".gerrit-mirror"));
    expect(await modeOf(folder)).toBe(0o700);
    expect(await modeOf(join(folder, "operator-token"))).toBe(0o600);
    expect(await modeOf(join(folder, "operator.json"))).toBe(0o600);
    expect(await modeOf(join(temporary.path, "xdg/gerrit-mirror/8080.json"))).toBe(0o600);
    expect(state.statusFile).toBe(join(folder, "status.sqlite"));
  });

  test("is closed to others when it was open", async () => {
    await mkdir(folder);
    await chmod(folder, 0o755);
    await openState(folder, env);
    expect(await modeOf(folder)).toBe(0o700);
  });

  test("keeps the token of the first start", async () => {
    const first = await openState(folder, env);
    const again = await openState(folder, env);
    expect(first.token.expose()).toMatch(/^[\w-]{43}$/);
    expect(again.token.expose()).toBe(first.token.expose());
    expect((await readFile(first.tokenFile, "utf8")).trim()).toBe(first.token.expose());
  });

  test("names the addresses only while the service runs, and the token in no file of the folder but its own", async () => {
    const state = await openState(folder, env);
    await state.announce(ADDRESSES);
    expect(JSON.parse(await readFile(join(folder, "operator.json"), "utf8"))).toEqual(ADDRESSES);
    await state.withdraw();
    expect(await readdir(folder)).toEqual(["operator-token"]);
    expect(await readdir(join(temporary.path, "xdg/gerrit-mirror"))).toEqual([]);
  });

  test("does without the user's copies where they cannot be written", async () => {
    await writeFile(join(temporary.path, "xdg"), "a file where a folder is expected");
    const state = await openState(folder, env);
    await state.announce(ADDRESSES);
    const found = await findOperator(undefined, { stateFolder: folder, env });
    expect(found.url).toBe(ADDRESSES.operator);
  });
});

describe("a running service is found", () => {
  test("in its own folder, without an address or with either of its two", async () => {
    const { token } = await announced();
    for (const url of [undefined, ADDRESSES.webhook, ADDRESSES.operator, "http://localhost:8080/"]) {
      const found = await findOperator(url, { stateFolder: folder, env });
      expect([found.url, found.token.expose()]).toEqual([ADDRESSES.operator, token.expose()]);
    }
  });

  test("from another folder by either of its two addresses", async () => {
    const { token } = await announced();
    for (const url of [ADDRESSES.webhook, ADDRESSES.operator, "http://localhost:8080"]) {
      const found = await findOperator(url, { stateFolder: elsewhere, env });
      expect([found.url, found.token.expose()]).toEqual([ADDRESSES.operator, token.expose()]);
    }
  });

  test("below the home folder where no XDG_STATE_HOME is set", async () => {
    env = { HOME: join(temporary.path, "home") };
    await announced();
    const found = await findOperator(ADDRESSES.webhook, { stateFolder: elsewhere, env });
    expect(found.url).toBe(ADDRESSES.operator);
    expect(await readdir(join(temporary.path, "home/.local/state/gerrit-mirror"))).toContain("8080.json");
  });

  test("not in a folder without one, not at another port, not on another machine", async () => {
    await announced();
    const find = (url: string | undefined, at: string) => findOperator(url, { stateFolder: at, env });
    await expect(find(undefined, elsewhere)).rejects.toMatchObject({
      code: "usage",
      remedy: expect.stringMatching(/npm start/),
    });
    await expect(find("http://127.0.0.1:9", folder)).rejects.toThrow(
      /No running service is known at http:\/\/127.0.0.1:9/,
    );
    await expect(find("http://192.0.2.1:8080", elsewhere)).rejects.toThrow(/No running service/);
    await expect(find("8080", elsewhere)).rejects.toThrow(/expected an address as http:\/\/127.0.0.1:PORT/);
  });

  test("not any more once it has ended", async () => {
    const state = await announced();
    await state.withdraw();
    await expect(findOperator(undefined, { stateFolder: folder, env })).rejects.toMatchObject({ code: "usage" });
    await expect(findOperator(ADDRESSES.webhook, { stateFolder: elsewhere, env })).rejects.toMatchObject({
      code: "usage",
    });
  });
});

async function announced() {
  const state = await openState(folder, env);
  await state.announce(ADDRESSES);
  return state;
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}
