// Decides whether a webhook post comes from somebody who knows the secret: in the URL's path, or as a signature over the body.
import { createHash, timingSafeEqual } from "node:crypto";
import { verifyWithFallback } from "@octokit/webhooks-methods";
import type { Log, Secrets } from "../ports.ts";
import { parseWebhookSecret } from "./secret.ts";

/** `signature` is the header `X-Hub-Signature-256`. */
export type Proof = { kind: "path"; secret: string } | { kind: "signature"; signature: string; body: Uint8Array };

/** Names of the two secrets, each for one kind of proof; what is not configured proves nothing. */
export type SecretNames = { secret?: string; signingSecret?: string };

/**
 * Why the proof does not hold, for the log, or undefined when it does. A proof that fails against the cached secret is tried
 * once more against a fresh one, so that a rotated secret works at once.
 */
export async function refusalOf(
  proof: Proof,
  names: SecretNames,
  ports: { secrets: Secrets; log: Log },
): Promise<string | undefined> {
  const setting = proof.kind === "path" ? "secret" : "signingSecret";
  const name = names[setting];
  if (name === undefined) return `webhook.${setting} is not configured`;
  if (!isPlausible(proof)) return proof.kind === "path" ? "no secret in the path" : "no signature sha256=HEX";
  for (const fresh of [false, true]) {
    const valid = await readValid(name, fresh, ports);
    if (valid === undefined) return `the secret "${name}" cannot be read`;
    if (await holds(proof, valid)) return undefined;
  }
  return proof.kind === "path" ? "wrong secret in the path" : "wrong signature";
}

/** Guards the comparison: an empty text must never be compared, and octokit throws for one. */
function isPlausible(proof: Proof): boolean {
  if (proof.kind === "path") return proof.secret !== "";
  return /^sha256=[0-9a-f]{64}$/.test(proof.signature) && proof.body.length > 0;
}

/** The texts that are valid now (the previous one too while it lives); undefined, with a log line, when there is none. */
async function readValid(
  name: string,
  fresh: boolean,
  { secrets, log }: { secrets: Secrets; log: Log },
): Promise<string[] | undefined> {
  const valid: string[] = [];
  let problem: unknown = "it has no value";
  try {
    for (const text of await secrets.read(name, { fresh })) {
      // One malformed version (a rotation gone wrong) does not take the other one's validity.
      try {
        valid.push(parseWebhookSecret(name, text).expose());
      } catch (error) {
        problem = error;
      }
    }
  } catch (error) {
    problem = error;
  }
  if (valid.length > 0) return valid;
  const message = problem instanceof Error ? problem.message : String(problem);
  log("error", "webhook secret cannot be read: every post that needs it is refused", { secret: name, error: message });
  return undefined;
}

async function holds(proof: Proof, valid: string[]): Promise<boolean> {
  if (proof.kind === "signature") return isSigned(proof, valid);
  // No early end: the time says neither which text matched nor how far.
  const given = digestOf(decoded(proof.secret));
  let found = false;
  for (const text of valid) found = timingSafeEqual(given, digestOf(text)) || found;
  return found;
}

/** Some fronts hand over the path decoded already; a webhook secret holds no `%`, so decoding again changes nothing. */
function decoded(secret: string): string {
  try {
    return decodeURIComponent(secret);
  } catch {
    return secret;
  }
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** octokit takes text and signs its UTF-8 bytes: bytes that are no UTF-8 would not survive that, and are no event either. */
async function isSigned(proof: { signature: string; body: Uint8Array }, valid: string[]): Promise<boolean> {
  const [current = "", ...previous] = valid;
  let text: string;
  try {
    text = utf8.decode(proof.body);
  } catch {
    return false;
  }
  const verified: boolean = await verifyWithFallback(current, text, proof.signature, previous);
  return verified;
}
