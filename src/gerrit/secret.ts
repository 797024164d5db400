// The webhook's secret: its stored text to the value that stands in the URL path or signs a body.
import { MirrorError } from "../errors.ts";
import { Secret } from "../model/secret.ts";

/**
 * A plain text or `{"secret": "..."}`; white space around a plain text (an editor's last line end) is not part of it.
 * Throws `invalid-secret` with the name of the secret and never its text.
 */
export function parseWebhookSecret(name: string, text: Secret): Secret {
  const plain = text.expose().trim();
  const value = plain.startsWith("{") ? secretField(plain) : plain;
  if (value !== undefined && SECRET.test(value)) return new Secret(value);
  throw new MirrorError(
    "invalid-secret",
    `The webhook secret ${JSON.stringify(name)} cannot be used; expected a text (or {"secret": "..."}) of at least 16 of the letters A-Z a-z 0-9 - . _ ~`,
    { remedy: "Write a new random secret, such as the output of `openssl rand -hex 32`." },
  );
}

/** RFC 3986's unreserved characters: no proxy or client rewrites them in a path. Sixteen hex digits still hold 64 bits. */
const SECRET = /^[A-Za-z0-9._~-]{16,}$/;

function secretField(text: string): string | undefined {
  try {
    const { secret } = JSON.parse(text) as { secret?: unknown };
    return typeof secret === "string" ? secret : undefined;
  } catch {
    // Its message quotes the text; the caller says what was expected.
    return undefined;
  }
}
