// Lambda behind the function URL (payload 2.0): unpacks Gerrit's post, calls the use case, answers.
import type { LambdaFunctionURLEvent, LambdaFunctionURLResult } from "aws-lambda";
import { jsonLog } from "../src/adapters/json-log.ts";
import { sharedPorts } from "../src/adapters/shared-ports.ts";
import { MirrorError } from "../src/errors.ts";
import type { Log } from "../src/ports.ts";
import { receiveEvent, type WebhookAnswer, type WebhookPorts, type WebhookRequest } from "../src/receive-event.ts";

/** Never 5xx, whatever happens (design 4). */
export async function handler(event: LambdaFunctionURLEvent): Promise<LambdaFunctionURLResult> {
  try {
    return await answerPost(event, await sharedPorts(process.env));
  } catch (error) {
    return result(failed(error, jsonLog({ write: console.log, clock: Date.now })));
  }
}

/** The handler with its ports given. */
export async function answerPost(event: LambdaFunctionURLEvent, ports: WebhookPorts): Promise<LambdaFunctionURLResult> {
  try {
    return result(await receiveEvent(requestOf(event), ports));
  } catch (error) {
    return result(failed(error, ports.log));
  }
}

function requestOf({
  rawPath,
  headers,
  body,
  isBase64Encoded,
  requestContext,
}: LambdaFunctionURLEvent): WebhookRequest {
  return {
    method: requestContext.http.method,
    path: rawPath,
    headers,
    body: Buffer.from(body ?? "", isBase64Encoded ? "base64" : "utf8"),
    sourceAddress: requestContext.http.sourceIp,
  };
}

function failed(error: unknown, log: Log): WebhookAnswer {
  const { code, message, remedy } = MirrorError.from(error);
  log("error", "webhook failed", { code, error: message, remedy });
  return { status: 429, body: JSON.stringify({ error: "cannot take events now" }) };
}

function result({ status, body }: WebhookAnswer): LambdaFunctionURLResult {
  return { statusCode: status, headers: { "content-type": "application/json" }, body };
}
