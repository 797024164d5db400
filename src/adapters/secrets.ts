// Where secrets are read from: a file on one machine, AWS Secrets Manager otherwise; only the one in use is loaded.
import type { Clock, Secrets } from "../ports.ts";

export async function openSecrets(file: string | undefined, clock: Clock): Promise<Secrets> {
  if (file !== undefined) {
    const { FileSecrets } = await import("./file-secrets.ts");
    return new FileSecrets(file);
  }
  const [{ SecretsManagerClient }, { ManagerSecrets, SECRETS_CLIENT_SETTINGS }] = await Promise.all([
    import("@aws-sdk/client-secrets-manager"),
    import("./secrets-manager.ts"),
  ]);
  return new ManagerSecrets({ client: new SecretsManagerClient(SECRETS_CLIENT_SETTINGS), clock });
}
