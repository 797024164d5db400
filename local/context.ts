// The Lambda context that a handler gets on one machine.
import { randomUUID } from "node:crypto";
import type { Context } from "aws-lambda";
import { LOCAL_REGION } from "./queues.ts";

/** `stopping`: once aborted no time remains, so that a handler with a time budget ends by itself. */
export function localContext(functionName: string, timeoutMs: number, stopping?: AbortSignal): Context {
  const endsAt = Date.now() + timeoutMs;
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: `arn:aws:lambda:${LOCAL_REGION}:000000000000:function:${functionName}`,
    memoryLimitInMB: "1024",
    awsRequestId: randomUUID(),
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: "local",
    getRemainingTimeInMillis: () => (stopping?.aborted ? 0 : Math.max(0, endsAt - Date.now())),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}
