// The event source mapping's semantics, with the real SQS client against the embedded queues.
import { randomUUID } from "node:crypto";
import {
  ChangeMessageVisibilityCommand,
  GetQueueAttributesCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { Context, SQSBatchResponse, SQSRecord } from "aws-lambda";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Poller, startPoller } from "../../local/poller.ts";
import { LOCAL_REGION, type LocalQueues, startQueues } from "../../local/queues.ts";
import type { MirrorName } from "../../src/model/repository.ts";

const MIRROR = "one" as MirrorName;
const DONE: SQSBatchResponse = { batchItemFailures: [] };

/** One call of the handler, held open until the test ends it. */
type Call = { record: SQSRecord; context: Context; end(response: SQSBatchResponse): void; fail(error: Error): void };

let queues: LocalQueues;
let client: SQSClient;
let url: string;
let poller: Poller | undefined;
let calls: Call[];
let logged: string[];
let onCall: () => void;

beforeEach(async () => {
  queues = await startQueues([MIRROR], { accessKeyId: "K" });
  url = queues.queueUrls[MIRROR] ?? "";
  client = new SQSClient({
    endpoint: queues.endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId: "K", secretAccessKey: "local" },
  });
  calls = [];
  logged = [];
  onCall = () => {};
});

afterEach(async () => {
  for (const call of calls) call.end(DONE);
  await poller?.drain(1_000);
  client.destroy();
  await queues.close();
});

describe("a poller", () => {
  test("hands over one record at a time, as SQS writes it to Lambda", async () => {
    poll(2);
    const sentAt = Date.now();
    const messageId = await send('{"job":1}', "group", "id-1");
    const { record, context } = await call(0);
    expect(record).toMatchObject({
      messageId,
      body: '{"job":1}',
      eventSource: "aws:sqs",
      eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:one.fifo",
      awsRegion: "us-east-1",
      messageAttributes: {},
      attributes: { ApproximateReceiveCount: "1", MessageGroupId: "group", MessageDeduplicationId: "id-1" },
    });
    expect(record.attributes.SequenceNumber).toMatch(/^\d+$/);
    expect(Number(record.attributes.SentTimestamp)).toBeGreaterThanOrEqual(sentAt);
    expect(record.receiptHandle).not.toBe("");
    expect(context.functionName).toBe("gerrit-mirror-worker-one");
    expect(context.getRemainingTimeInMillis()).toBeGreaterThan(865_000);
    expect(context.getRemainingTimeInMillis()).toBeLessThanOrEqual(870_000);
  });

  test("keeps the order within a group, and holds the group while a handler runs", async () => {
    poll(5);
    await send("a1", "a");
    await send("a2", "a");
    await send("b1", "b");
    await call(1);
    expect(bodies()).toEqual(["a1", "b1"]);
    (await call(0)).end(DONE);
    await call(2);
    expect(bodies()).toEqual(["a1", "b1", "a2"]);
  });

  test("runs no more handlers at once than the lane's concurrency", async () => {
    poll(2);
    for (const group of ["a", "b", "c", "d"]) await send(group, group);
    const second = await call(1);
    expect(await queueCounts()).toEqual({ waiting: 2, inFlight: 2 });
    expect(bodies()).toEqual(["a", "b"]);
    second.end(DONE);
    await call(2);
    expect(bodies()).toEqual(["a", "b", "c"]);
  });

  test("leaves a failed item in the queue; it comes back when its visibility ends, before the rest of its group", async () => {
    poll(2);
    await send("a1", "a");
    await send("a2", "a");
    const first = await call(0);
    await postpone(first, 1);
    first.end({ batchItemFailures: [{ itemIdentifier: first.record.messageId }] });
    const again = await call(1);
    expect(again.record).toMatchObject({ body: "a1", attributes: { ApproximateReceiveCount: "2" } });
    again.end(DONE);
    expect((await call(2)).record.body).toBe("a2");
  });

  test("deletes nothing when the handler throws, says so, and goes on", async () => {
    poll(2);
    await send("a1", "a");
    await send("b1", "b");
    const first = await call(0);
    await postpone(first, 1);
    first.fail(new Error("broken"));
    (await call(1)).end(DONE);
    expect((await call(2)).record).toMatchObject({ body: "a1", attributes: { ApproximateReceiveCount: "2" } });
    expect(logged).toEqual(["handler failed Error: broken"]);
  });

  test("waits for the running handlers when drained, and receives no more", async () => {
    const drained = poll(5);
    await send("a1", "a");
    const first = await call(0);
    let ended = false;
    const draining = drained.drain(10_000).then((left) => {
      ended = true;
      return left;
    });
    await send("b1", "b");
    expect(ended).toBe(false);
    first.end(DONE);
    expect(await draining).toBe(0);
    expect(bodies()).toEqual(["a1"]);
  });

  test("waits no longer than it was told to, and says how many handlers still run", async () => {
    const drained = poll(5);
    await send("a1", "a");
    await call(0);
    expect(await drained.drain(50)).toBe(1);
  });

  test("starts the handler a few milliseconds after the message was sent", async () => {
    poll(2);
    const times: number[] = [];
    for (let round = 0; round < 21; round++) {
      const started = performance.now();
      await send(`m${round}`, "a");
      (await call(round)).end(DONE);
      times.push(performance.now() - started);
    }
    // Measured 2 ms with a warm client; the bound leaves room for a busy machine, and is far from a polling interval.
    expect(times.sort((a, b) => a - b)[10]).toBeLessThan(50);
  });
});

function poll(concurrency: number): Poller {
  poller = startPoller({
    client,
    mirror: MIRROR,
    queueUrl: url,
    concurrency,
    log: (_level, message, fields) => logged.push(`${message} ${String(fields?.error)}`),
    handler: (event, context) =>
      new Promise((resolve, reject) => {
        const [record] = event.Records;
        if (record === undefined || event.Records.length > 1) return reject(new Error("expected one record"));
        calls.push({ record, context, end: resolve, fail: reject });
        onCall();
      }),
  });
  return poller;
}

/** Waits for call number `index`. */
async function call(index: number): Promise<Call> {
  for (;;) {
    const found = calls[index];
    if (found) return found;
    await new Promise<void>((resolve) => {
      onCall = resolve;
    });
  }
}

function bodies(): string[] {
  return calls.map(({ record }) => record.body);
}

async function send(body: string, group: string, id: string = randomUUID()): Promise<string | undefined> {
  const command = { QueueUrl: url, MessageBody: body, MessageGroupId: group, MessageDeduplicationId: id };
  return (await client.send(new SendMessageCommand(command))).MessageId;
}

async function postpone({ record }: Call, seconds: number): Promise<void> {
  await client.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl: url,
      ReceiptHandle: record.receiptHandle,
      VisibilityTimeout: seconds,
    }),
  );
}

async function queueCounts(): Promise<{ waiting: number; inFlight: number }> {
  const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }));
  return {
    waiting: Number(Attributes?.ApproximateNumberOfMessages),
    inFlight: Number(Attributes?.ApproximateNumberOfMessagesNotVisible),
  };
}
