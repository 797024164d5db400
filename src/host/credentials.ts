// Credentials of a Git side: the secret's text to a value, and the value to the Authorization header its host wants.
import { MirrorError } from "../errors.ts";
import { Secret } from "../model/secret.ts";
import { HOSTS, type HostName } from "./hosts.ts";

export type GitCredential = { username: string; password: Secret } | { token: Secret };

/** Throws `invalid-secret`, naming the secret and never its text nor a key of it (a token pasted as a key is one, too). */
export function parseGitCredential(name: string, text: Secret): GitCredential {
  const fields = parseFields(name, text);
  const { token, username, password } = fields;
  const isToken = token !== undefined;
  if (
    Object.keys(fields).length !== (isToken ? 1 : 2) ||
    (!isToken && !("username" in fields && "password" in fields))
  ) {
    throw invalid(name, "its keys are others");
  }
  if (isToken) {
    // RFC 6750's and every host's tokens are visible ASCII.
    if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
      throw invalid(name, "its token is no text of visible ASCII letters (a space or a line's end inside?)");
    }
    return { token: new Secret(token) };
  }
  if (!isHeaderText(username)) throw invalid(name, "its username is empty, no text, or has a control character");
  if (username.includes(":")) throw invalid(name, 'its username has a ":", which Basic authentication cannot carry');
  if (!isHeaderText(password)) throw invalid(name, "its password is empty, no text, or has a control character");
  return { username, password: new Secret(password) };
}

/** The whole value of the header, in the form that the host wants. Throws `invalid-secret` where it takes no bare token. */
export function authorizationHeader(host: HostName, credential: GitCredential): Secret {
  if ("password" in credential) return basic(credential.username, credential.password.expose());
  const form = HOSTS[host].token;
  const token = credential.token.expose();
  if (form === undefined) {
    throw new MirrorError(
      "invalid-secret",
      `The host "${host}" takes no {"token"}; expected {"username", "password"}.`,
    );
  }
  if (form.scheme === "Bearer" || (form.jwt !== undefined && JWT.test(token))) return new Secret(`Bearer ${token}`);
  return basic(form.username, token);
}

/** Three base64url parts, the first of which begins with `{"` (RFC 7519). */
const JWT = /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/;

// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule itself forbids control characters (RFC 7617, section 2)
const CONTROL = /[\x00-\x1f\x7f]/;

function isHeaderText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !CONTROL.test(value);
}

/** RFC 7617 with UTF-8. */
function basic(username: string, password: string): Secret {
  return new Secret(`Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`);
}

function parseFields(name: string, text: Secret): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text.expose());
  } catch {
    // Without the cause: its message quotes the text.
    throw invalid(name, "it is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(name, "it is no JSON object");
  return value as Record<string, unknown>;
}

function invalid(name: string, fault: string): MirrorError {
  const expected = 'expected {"username": "...", "password": "..."} or {"token": "..."}';
  return new MirrorError("invalid-secret", `The secret ${JSON.stringify(name)} cannot be used: ${fault}; ${expected}.`);
}
