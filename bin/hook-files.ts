// Puts the signed sender into the folder of Gerrit's hooks: the script, and beside it the file with its address and secret.
import { chown, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MirrorError } from "../src/errors.ts";
import type { Secret } from "../src/model/secret.ts";

export const HOOK = "ref-updated";
export const SETTINGS_FILE = "gerrit-mirror.settings";

const SCRIPT = fileURLToPath(new URL(`../hooks/${HOOK}`, import.meta.url));

/** Throws `usage` when the folder is not there or has another hook of that name. */
export async function checkHookFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new MirrorError("usage", `There is no folder ${JSON.stringify(folder)}.`, {
      remedy: "Give the folder `hooks` of Gerrit's site (make it first), or any folder to copy both files from.",
    });
  }
  const there = await readFile(join(folder, HOOK), "utf8").catch(() => undefined);
  if (there === undefined || there.includes(SETTINGS_FILE)) return;
  throw new MirrorError("usage", `${join(folder, HOOK)} is another hook; it was left alone.`, {
    remedy: `Install into a folder of its own, and let that hook call it with all its arguments: FOLDER/${HOOK} "$@"`,
  });
}

/** Both as the folder's owner, who is Gerrit's user. `url` is the whole address, `secret` signs. */
export async function writeHookFiles(folder: string, { url, secret }: { url: string; secret: Secret }): Promise<void> {
  try {
    const { uid, gid } = await stat(folder);
    const settings = `url=${url}\nsecret=${secret.expose()}\n`;
    await writeOwned(join(folder, SETTINGS_FILE), settings, { mode: 0o600, uid, gid });
    await writeOwned(join(folder, HOOK), await readFile(SCRIPT), { mode: 0o755, uid, gid });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MirrorError("usage", `The hook cannot be written into ${folder}: ${reason}.`, {
      remedy: "Run this as the folder's owner (Gerrit's user) or as root.",
    });
  }
}

type Owned = { mode: number; uid: number; gid: number };

/** Whole or not at all: Gerrit may call the hook meanwhile. */
async function writeOwned(file: string, content: string | Uint8Array, { mode, uid, gid }: Owned): Promise<void> {
  const temporary = `${file}.${process.pid}.new`;
  try {
    await using handle = await open(temporary, "wx", mode);
    const made = await handle.stat();
    if (made.uid !== uid || made.gid !== gid) await chown(temporary, uid, gid);
    await handle.chmod(mode);
    await handle.writeFile(content);
    await handle.close();
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
