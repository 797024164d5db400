// Asks the operator's listener of a running `npm start`.
import { createHttpClient } from "../src/adapters/node-http.ts";
import { findOperator, stateFolder } from "../src/adapters/state-folder.ts";
import { MirrorError } from "../src/errors.ts";
import type { Environment } from "./exit-codes.ts";

export type OperatorFlags = { config: string; local?: string; stack?: string };

/** A sweep of 10,000 repositories takes minutes and answers at its end. */
const IDLE_MS = 1_800_000;

/** Throws `usage` when no service can be found, `unreachable` when it does not answer. */
export async function askOperator(
  flags: OperatorFlags,
  env: Environment,
  method: "GET" | "POST",
  path: string,
): Promise<unknown> {
  if (flags.stack !== undefined) {
    throw new MirrorError("usage", "--stack is not there yet: the deployment to AWS is built next.", {
      remedy: "Use --local URL with a running `npm start`.",
    });
  }
  const operator = await findOperator(flags.local, { stateFolder: stateFolder(flags.config), env: { ...env } });
  const http = createHttpClient({ idleTimeoutMs: IDLE_MS });
  try {
    const headers = { authorization: `Bearer ${operator.token.expose()}`, "content-length": "0" };
    const response = await http({ method, url: `${operator.url}${path}`, headers });
    let text = "";
    for await (const chunk of response.body) text += Buffer.from(chunk).toString("utf8");
    return answerOf(response.status, text, operator.url);
  } finally {
    http.close();
  }
}

function answerOf(status: number, text: string, url: string): unknown {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new MirrorError("malformed-answer", `${url} answered HTTP ${status} without JSON.`, {
      remedy: "Is another program on that port?",
    });
  }
  if (status === 200) return body;
  const { error } = body as { error?: { message?: string; remedy?: string } | string };
  const message = typeof error === "string" ? error : (error?.message ?? `HTTP ${status}`);
  throw new MirrorError(
    status === 400 ? "usage" : "request-refused",
    `${url}: ${message}`,
    typeof error === "object" && error.remedy !== undefined ? { remedy: error.remedy } : {},
  );
}
