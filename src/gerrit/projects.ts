// Lists the projects of a Gerrit over its REST API, page by page: the whole list or an error, never a shorter one.
import { type ErrorCode, MirrorError } from "../errors.ts";
import { isRepositoryName, type RepositoryName } from "../model/repository.ts";
import type { Secret } from "../model/secret.ts";
import type { HttpClient, HttpResponse } from "../ports.ts";

/** `url` is Gerrit's canonical web URL. Without `authorization` only what anonymous users see is listed. */
export type ListOptions = { url: string; authorization?: Secret };

/** Projects of a page when the caller says nothing: some 100 kB of JSON. */
const PAGE = 500;
/** Bounds what a wrong or hostile server can make us hold; the largest known Gerrits have some 20,000 projects. */
const PROJECTS_MAX = 100_000;
const PAGE_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Yields the projects that are active or read-only, one page at a time, each project once. Throws in the middle of the list when
 * a page fails (what came before is then no whole list), and `busy` when projects were deleted while it was read.
 */
export async function* listProjects(
  http: HttpClient,
  options: ListOptions,
  page = PAGE,
): AsyncIterable<RepositoryName[]> {
  const seen = new Set<string>();
  let start = 0;
  for (;;) {
    const entries = await readPage(http, options, page, start);
    const fresh = entries.filter(({ name }) => !seen.has(name));
    // Each page begins with the last entry of the page before. If it does not, the list became shorter meanwhile and as many
    // projects moved out of sight.
    if (start > 0 && fresh.length === entries.length) {
      throw new MirrorError("busy", `Projects of ${options.url} were deleted while they were being listed.`, {
        side: "source",
        remedy: "Nothing: the next sweep lists them again.",
      });
    }
    for (const { name } of fresh) seen.add(name);
    if (seen.size > PROJECTS_MAX) throw tooMuch(options.url, `more than ${PROJECTS_MAX} projects`);
    const names = fresh.filter(({ mirrored }) => mirrored).map(({ name }) => name);
    if (names.length > 0) yield names.filter(isRepositoryName);
    const more = entries.some((entry) => entry.more);
    if (more && fresh.length === 0) throw malformed(options.url, "it says that there are more projects and shows none");
    if (fresh.length === 0 || (!more && entries.length < page)) return;
    start += entries.length - 1;
  }
}

/** `more` is Gerrit's mark (3.9 and later) on the last entry of a list that was cut. */
type Entry = { name: string; mirrored: boolean; more: boolean };

async function readPage(http: HttpClient, options: ListOptions, page: number, start: number): Promise<Entry[]> {
  const { url, authorization } = options;
  const response = await http({
    method: "GET",
    url: `${url.replace(/\/+$/, "")}${authorization === undefined ? "" : "/a"}/projects/?n=${page}&S=${start}`,
    headers: {
      accept: "application/json",
      ...(authorization !== undefined && { authorization: authorization.expose() }),
    },
  });
  if (response.status !== 200) {
    response.destroy();
    throw refusal(url, response);
  }
  return Object.entries(parsePage(url, await readText(url, response))).map(([name, value]) => {
    if (typeof value !== "object" || value === null) throw malformed(url, `the project "${name}" is no object`);
    const { state = "ACTIVE", _more_projects: more } = value as { state?: unknown; _more_projects?: unknown };
    return { name, mirrored: state === "ACTIVE" || state === "READ_ONLY", more: more === true };
  });
}

async function readText(url: string, response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > PAGE_BYTES_MAX) {
      response.destroy();
      throw tooMuch(url, `more than ${PAGE_BYTES_MAX} bytes in one page of the project list`);
    }
    chunks.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw malformed(url, "it is no UTF-8", error);
  }
}

/** Gerrit's JSON begins with the line `)]}'`, which keeps browsers from running it as a script. */
function parsePage(url: string, text: string): object {
  const json = text.replace(/^\)\]\}'[^\n]*\n?/, "");
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    if (json !== text) throw malformed(url, "it ends in the middle", error);
    throw notGerrit(url, error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw notGerrit(url);
  return value;
}

/** What Gerrit 3.10 and the fronts before it answer, measured: a wrong password 401, a wrong path 404. */
function refusal(url: string, { status, headers }: HttpResponse): MirrorError {
  const seconds = /^\d{1,9}$/.exec(headers["retry-after"] ?? "")?.[0];
  const { code, what, remedy } = meaningOf(status);
  return new MirrorError(code, `${what} (${url} answered the project list with ${status}).`, {
    side: "source",
    ...(seconds !== undefined && { retryAfterSeconds: Number(seconds) }),
    ...(remedy !== undefined && { remedy }),
  });
}

function meaningOf(status: number): { code: ErrorCode; what: string; remedy?: string } {
  if (status === 401) return { code: "credential-refused", what: "Gerrit refused the credential" };
  if (status === 403) {
    const remedy = "Give the source's account the permission to use Gerrit's REST API.";
    return { code: "forbidden", what: "The account may not list projects", remedy };
  }
  if (status === 404) {
    const remedy = "Write Gerrit's canonical web URL, with its path if it has one, into `source.url`.";
    return { code: "not-found", what: "There is no Gerrit REST API at this URL", remedy };
  }
  if (status === 429) return { code: "throttled", what: "Gerrit asks for fewer requests" };
  if (status >= 300 && status < 400) return { code: "redirected", what: "The project list is at another address" };
  if (status >= 500) return { code: "server-error", what: "Gerrit could not answer" };
  return { code: "request-refused", what: "Gerrit refused the request" };
}

function notGerrit(url: string, cause?: unknown): MirrorError {
  return new MirrorError("not-git", `${url} answered the project list with something else than Gerrit's JSON.`, {
    side: "source",
    cause,
  });
}

function malformed(url: string, what: string, cause?: unknown): MirrorError {
  return new MirrorError("malformed-answer", `The project list of ${url} cannot be read: ${what}.`, {
    side: "source",
    cause,
  });
}

function tooMuch(url: string, what: string): MirrorError {
  return new MirrorError("unsupported", `${url} lists ${what}.`, { side: "source" });
}
