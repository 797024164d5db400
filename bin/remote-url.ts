// A URL given on the command line: its credential taken out, so that no message can show it.
import { MirrorError, type Side } from "../src/errors.ts";
import { Secret } from "../src/model/secret.ts";
import type { Endpoint } from "../src/remote/smart-http.ts";

/**
 * `auth` is `user:password` or `Bearer ...` (from the environment) and wins over the URL's userinfo.
 * Throws `usage` for another scheme, or for plain http to another machine.
 */
export function parseRemoteUrl(side: Side, flag: string, text: string, auth: string | undefined): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    throw new MirrorError(
      "usage",
      `--${flag} takes an https:// URL of a repository, not ${JSON.stringify(redact(text))}.`,
    );
  }
  if (url.protocol === "http:" && !/^(?:localhost|127\.[0-9.]+|\[::1\])$/.test(url.hostname)) {
    throw new MirrorError("usage", `--${flag} ${redact(text)} is plain http to another machine; write https://.`);
  }
  const header = headerOf(flag, auth ?? userinfoOf(url));
  url.username = "";
  url.password = "";
  return {
    side,
    url: url.href.replace(/\/+$/, ""),
    ...(header === undefined ? {} : { authorization: async () => header }),
  };
}

/** The repository's name as its URL's path shows it. */
export function nameOfUrl(url: string): string {
  return decodePercent(new URL(url).pathname.replace(/^\/+/, "").replace(/\.git$/, ""));
}

/** A text with a stray % is taken as it stands, as git does. */
function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function userinfoOf(url: URL): string | undefined {
  if (url.username === "" && url.password === "") return undefined;
  return `${decodePercent(url.username)}:${decodePercent(url.password)}`;
}

function headerOf(flag: string, auth: string | undefined): Secret | undefined {
  if (auth === undefined || auth === "") return undefined;
  if (/^Bearer [\x21-\x7e]+$/.test(auth)) return new Secret(auth);
  if (!auth.includes(":")) {
    const variable = `GERRIT_MIRROR_${flag.toUpperCase()}_AUTH`;
    throw new MirrorError("usage", `${variable} must be "user:password" or "Bearer ..." (its value is not shown).`);
  }
  return new Secret(`Basic ${Buffer.from(auth, "utf8").toString("base64")}`);
}

/** What is no URL yet may hold a credential anywhere before its last `@`. */
function redact(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/+)?.*@/is, "$1[secret]@");
}
