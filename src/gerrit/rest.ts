// One request to Gerrit's REST API that changes or reads a setting: JSON in, JSON out, refusals with Gerrit's own words.
import { type ErrorCode, MirrorError } from "../errors.ts";
import type { Secret } from "../model/secret.ts";
import type { HttpClient, HttpResponse } from "../ports.ts";

/** `url` is Gerrit's canonical web URL, `authorization` a whole header value. */
export type GerritRest = { http: HttpClient; url: string; authorization: Secret };

export type RestRequest = {
  method: "GET" | "PUT" | "DELETE";
  /** Below `/a`, with its segments encoded. */
  path: string;
  body?: object;
  /** What a refusal's words must not show, though the request carried it. */
  hide?: readonly Secret[];
};

/** Settings are small; a project's list of remotes is a few kB. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const WORDS_MAX = 300;

/** The answer's value, `undefined` for 404 and `null` for 204. Throws for every other refusal. */
export async function askGerrit(gerrit: GerritRest, request: RestRequest): Promise<unknown> {
  const { method, path, body } = request;
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const response = await gerrit.http({
    method,
    url: `${gerrit.url.replace(/\/+$/, "")}/a${path}`,
    headers: {
      accept: "application/json",
      authorization: gerrit.authorization.expose(),
      // Measured: DELETE with a JSON type and no body is 400.
      ...(bytes !== undefined && {
        "content-type": "application/json; charset=utf-8",
        "content-length": String(bytes.length),
      }),
    },
    ...(bytes !== undefined && { body: bytes }),
  });
  const text = await readText(gerrit, response);
  if (response.status === 204) return null;
  if (response.status === 404) return undefined;
  if (response.status === 200 || response.status === 201) return parse(gerrit, request, text);
  throw refusal(gerrit, request, response.status, text);
}

async function readText({ url }: GerritRest, response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    chunks.push(chunk);
    if (length <= ANSWER_BYTES_MAX) continue;
    response.destroy();
    throw new MirrorError("malformed-answer", `${url} answered with more than ${ANSWER_BYTES_MAX} bytes.`);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Gerrit's JSON begins with the line `)]}'`, which keeps browsers from running it as a script. */
function parse({ url }: GerritRest, { method, path }: RestRequest, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\)\]\}'[^\n]*\n?/, ""));
  } catch {
    // Without the cause: its message quotes the answer, which has the hook's URL.
    throw new MirrorError("not-git", `${url} answered ${method} ${path} with something else than Gerrit's JSON.`);
  }
}

function refusal(gerrit: GerritRest, { method, path, hide = [] }: RestRequest, status: number, text: string) {
  const { code, remedy } = meaningOf(status);
  const shown = /^\s*</.test(text) ? "" : text.replace(/\s+/g, " ").trim();
  const secrets = [gerrit.authorization.expose(), ...hide.map((secret) => secret.expose())];
  const words = secrets.reduce((left, secret) => left.replaceAll(secret, "[secret]"), shown).slice(0, WORDS_MAX);
  const said = words === "" ? "" : ` Gerrit said: ${words}`;
  const details = remedy === undefined ? {} : { remedy };
  return new MirrorError(code, `${gerrit.url} answered ${method} ${path} with ${status}.${said}`, details);
}

/** Measured on Gerrit 3.10: a wrong password is 401, a missing right 403 (All-Projects needs an administrator, a project Owner on its refs/*), a broken number in webhooks.config 500. */
function meaningOf(status: number): { code: ErrorCode; remedy?: string } {
  if (status === 401) {
    return {
      code: "credential-refused",
      remedy: "Check the account's HTTP password or token (not the password of the web sign-in) and its expiry.",
    };
  }
  if (status === 403) {
    return {
      code: "forbidden",
      remedy: "Use an administrator (for a single project also its owner): GERRIT_MIRROR_ADMIN_AUTH='user:password'.",
    };
  }
  if (status === 429) return { code: "throttled" };
  if (status >= 300 && status < 400) return { code: "redirected" };
  if (status >= 500) {
    return {
      code: "server-error",
      remedy: "Look at Gerrit's error_log; a value that is no number in a webhooks.config does this, too.",
    };
  }
  return { code: "request-refused" };
}
