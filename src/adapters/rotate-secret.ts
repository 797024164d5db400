// Makes a new value the current one of a secret and keeps the old one valid: in the secrets file, or in AWS Secrets Manager.
import { open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { MirrorError } from "../errors.ts";
import type { Secret } from "../model/secret.ts";

/** `file` absent: AWS Secrets Manager, which keeps the current version as AWSPREVIOUS by itself. Throws `invalid-secret`. */
export async function rotateSecret(file: string | undefined, name: string, next: Secret): Promise<void> {
  if (file === undefined) await rotateInManager(name, next);
  else await rotateInFile(file, name, next);
}

/** The entry becomes `[next, current]`. The file is replaced as a whole, with its mode and owner. */
export async function rotateInFile(file: string, name: string, next: Secret): Promise<void> {
  try {
    // A link stays a link.
    const target = await realpath(file);
    const { mode, uid, gid } = await stat(target);
    const entries = parse(file, await readFile(target, "utf8"));
    if (!Object.hasOwn(entries, name)) throw refused(file, `it has no entry "${name}"`);
    const value = entries[name];
    const current: unknown = Array.isArray(value) ? value[0] : value;
    const text = `${JSON.stringify({ ...entries, [name]: [next.expose(), current] }, null, 2)}\n`;
    const temporary = `${target}.${process.pid}.new`;
    try {
      await using handle = await open(temporary, "wx", 0o600);
      const made = await handle.stat();
      if (made.uid !== uid || made.gid !== gid) await handle.chown(uid, gid);
      await handle.chmod(mode & 0o777);
      await handle.writeFile(text);
      await handle.sync();
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  } catch (error) {
    if (error instanceof MirrorError) throw error;
    throw refused(file, error instanceof Error ? error.message : String(error));
  }
}

async function rotateInManager(name: string, next: Secret): Promise<void> {
  const [{ PutSecretValueCommand, SecretsManagerClient }, { SECRETS_CLIENT_SETTINGS }] = await Promise.all([
    import("@aws-sdk/client-secrets-manager"),
    import("./secrets-manager.ts"),
  ]);
  const client = new SecretsManagerClient(SECRETS_CLIENT_SETTINGS);
  try {
    await client.send(new PutSecretValueCommand({ SecretId: name, SecretString: next.expose() }));
  } catch (error) {
    const { name: kind, message } = error instanceof Error ? error : new Error(String(error));
    throw new MirrorError(
      "invalid-secret",
      `AWS Secrets Manager did not take the secret "${name}": ${kind}: ${message}`,
      {
        remedy: `Allow secretsmanager:PutSecretValue on "${name}" (and kms:GenerateDataKey on its key) to whoever runs this.`,
      },
    );
  } finally {
    client.destroy();
  }
}

function parse(file: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Without the cause: its message quotes the file.
    throw refused(file, "it is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refused(file, "it is no JSON object");
  return value as Record<string, unknown>;
}

function refused(file: string, why: string): MirrorError {
  return new MirrorError("invalid-secret", `The new secret cannot be written to ${file}: ${why}.`, {
    remedy: "Nothing was changed. Make the file and its folder writable for you, or run this as the file's owner.",
  });
}
