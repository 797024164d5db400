// The address that Gerrit posts to: the receiver's base and the secret to one URL, and a URL back to its parts.
import { MirrorError } from "../errors.ts";
import { Secret } from "../model/secret.ts";

/** Throws `usage`; `flag` is the name of what the text came from. No message quotes more of it than its origin. */
export function parseReceiverBase(flag: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const expected = "expected the receiver's address without /webhook, as https://mirror.example.com";
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new MirrorError("usage", `${flag} is no http or https URL; ${expected}.`);
  }
  // Gerrit sends user-info only after a 401 (two posts for each event), and takes no `{` in a URL.
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "" || /[{}]/.test(text)) {
    throw new MirrorError(
      "usage",
      `${flag} at ${url.origin} has user-info, a query, a fragment or braces; ${expected}.`,
    );
  }
  if (/\/webhook(?:\/|$)/.test(url.pathname)) {
    throw new MirrorError("usage", `${flag} at ${url.origin} ends in /webhook already; ${expected}.`);
  }
  return url.href.replace(/\/+$/, "");
}

export function webhookUrl(base: string, secret: Secret): Secret {
  return new Secret(`${base}/webhook/${secret.expose()}`);
}

/** Undefined for a URL that gerrit-mirror cannot have made. */
export function partsOfWebhookUrl(url: Secret): { base: string; secret: Secret } | undefined {
  const [, base, secret] = /^(https?:\/\/[^?#]+?)\/webhook\/([^/?#]+)$/.exec(url.expose()) ?? [];
  return base === undefined || secret === undefined ? undefined : { base, secret: new Secret(secret) };
}

/** For people: a stranger's URL may hold a secret anywhere behind its origin. */
export function displayWebhookUrl(url: Secret): string {
  const parts = partsOfWebhookUrl(url);
  if (parts !== undefined) return `${parts.base.replace(/\/\/[^/]*@/, "//[secret]@")}/webhook/[secret]`;
  const text = url.expose();
  if (text === "") return "(empty)";
  return URL.canParse(text) ? `${new URL(text).origin}/[secret]` : "[secret]";
}

export function isLoopback(base: string): boolean {
  return ["127.0.0.1", "localhost", "[::1]"].includes(new URL(base).hostname);
}
