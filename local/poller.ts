// What SQS's event source mapping does for a lane on AWS: polls the queue and hands each message to the handler.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DeleteMessageCommand, type Message, ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { WORKER_TIMEOUT_SECONDS } from "../src/contract.ts";
import type { MirrorName } from "../src/model/repository.ts";
import type { Log } from "../src/ports.ts";
import { localContext } from "./context.ts";
import { LOCAL_REGION, queueArn } from "./queues.ts";

export type SqsHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;

export type PollerOptions = {
  client: SQSClient;
  mirror: MirrorName;
  queueUrl: string;
  /** Handler calls at once. */
  concurrency: number;
  handler: SqsHandler;
  log: Log;
};

export type Poller = {
  /** Receives no more, and waits that long for the handlers that run. Resolves with how many still do. */
  drain(milliseconds: number): Promise<number>;
};

/** SQS's longest long poll. */
const WAIT_SECONDS = 20;
/** Pause after a failed receive; on one machine that only happens while the queues are closing. */
const RECEIVE_RETRY_MS = 500;

/**
 * Batch size 1; a message is deleted unless the handler throws or answers with a batch item failure. One long poll
 * waits at a time: fauxqs wakes every waiting poll for each message, and all but one would come back empty.
 */
export function startPoller(options: PollerOptions): Poller {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const polling = poll(options, running, stopping.signal);
  return {
    async drain(milliseconds) {
      stopping.abort();
      await polling;
      const timeout = new AbortController();
      const timer = delay(milliseconds, undefined, { signal: timeout.signal }).catch(() => {});
      await Promise.race([Promise.all(running), timer]);
      timeout.abort();
      return running.size;
    },
  };
}

async function poll(options: PollerOptions, running: Set<Promise<void>>, signal: AbortSignal): Promise<void> {
  let wake = () => {};
  signal.addEventListener("abort", () => wake(), { once: true });
  while (!signal.aborted) {
    if (running.size >= options.concurrency) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    for (const message of await receive(options, signal)) {
      const run = runHandler(options, message).finally(() => {
        running.delete(run);
        wake();
      });
      running.add(run);
    }
  }
}

async function receive(options: PollerOptions, signal: AbortSignal): Promise<Message[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: options.queueUrl,
    MaxNumberOfMessages: 1,
    WaitTimeSeconds: WAIT_SECONDS,
    MessageSystemAttributeNames: ["All"],
    MessageAttributeNames: ["All"],
  });
  try {
    return (await options.client.send(command, { abortSignal: signal })).Messages ?? [];
  } catch (error) {
    if (signal.aborted) return [];
    options.log("error", "receive failed", { mirror: options.mirror, error: String(error) });
    await delay(RECEIVE_RETRY_MS, undefined, { signal }).catch(() => {});
    return [];
  }
}

async function runHandler(options: PollerOptions, message: Message): Promise<void> {
  const { mirror, queueUrl } = options;
  const record = toRecord(message, mirror);
  try {
    const context = localContext(`gerrit-mirror-worker-${mirror}`, WORKER_TIMEOUT_SECONDS * 1000);
    const response = await options.handler({ Records: [record] }, context);
    // In a batch of one, any failure entry is this message's; AWS reads an unknown identifier as the whole batch.
    if (response.batchItemFailures.length > 0) return;
    await options.client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: record.receiptHandle }));
  } catch (error) {
    options.log("error", "handler failed", { mirror, messageId: record.messageId, error: String(error) });
  }
}

function toRecord(message: Message, mirror: MirrorName): SQSRecord {
  const attributes: Partial<Record<string, string>> = message.Attributes ?? {};
  return {
    messageId: message.MessageId ?? randomUUID(),
    receiptHandle: message.ReceiptHandle ?? "",
    body: message.Body ?? "",
    attributes: {
      ...attributes,
      ApproximateReceiveCount: attributes.ApproximateReceiveCount ?? "1",
      SentTimestamp: attributes.SentTimestamp ?? "0",
      SenderId: attributes.SenderId ?? "",
      ApproximateFirstReceiveTimestamp: attributes.ApproximateFirstReceiveTimestamp ?? "0",
    },
    messageAttributes: {},
    md5OfBody: message.MD5OfBody ?? "",
    eventSource: "aws:sqs",
    eventSourceARN: queueArn(`${mirror}.fifo`),
    awsRegion: LOCAL_REGION,
  };
}
