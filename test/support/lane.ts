// One lane's queue in a test's hands: stepped message by message, or worked by real pollers.
import { randomUUID } from "node:crypto";
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import { localContext } from "../../local/context.ts";
import { type Poller, type SqsHandler, startPoller } from "../../local/poller.ts";
import { LOCAL_REGION, queueArn } from "../../local/queues.ts";
import { encodeJob, type Job } from "../../src/model/job.ts";
import { type MirrorName, messageGroup } from "../../src/model/repository.ts";
import type { DeadLetter } from "../../src/ports.ts";

export type LaneWorker = SqsHandler;

/** `none`: no message was visible. */
export type StepEnd = "done" | "later" | "none";

export type Lane = {
  /** Receives one message and works on it. */
  step(): Promise<StepEnd>;
  /** Receives one message without working on it; its record can be given to `deliver` more than once. */
  receive(): Promise<SQSRecord | undefined>;
  deliver(record: SQSRecord): Promise<StepEnd>;
  remove(record: SQSRecord): Promise<void>;
  /** Steps until no message is visible. */
  drain(): Promise<void>;
  send(job: Job): Promise<void>;
  sendText(body: string, group?: string): Promise<void>;
  /** All letters so far, oldest first; they stay known. */
  deadLetters(): Promise<DeadLetter[]>;
  deadTexts(): Promise<string[]>;
  /** Messages in the queue, visible or not. */
  pending(): Promise<number>;
  start(concurrency: number): void;
  stop(): Promise<void>;
  /** Most handlers at once, in all and of one repository. */
  peak: { all: number; repository: number };
};

const STEPS_MAX = 500;

export type LaneUrls = { jobs: string; letters: string };

export function makeLane(client: SQSClient, name: MirrorName, urls: LaneUrls, work: LaneWorker): Lane {
  const { jobs: url, letters: deadUrl } = urls;
  const pollers: Poller[] = [];
  const dead: string[] = [];
  const peak = { all: 0, repository: 0 };
  const watched = watch(work, peak);
  const receive = async (): Promise<SQSRecord | undefined> => {
    const message = await receiveOne(client, url);
    return message && recordOf(message, name);
  };
  const remove = async (record: SQSRecord) => {
    await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: record.receiptHandle }));
  };
  const deliver = async (record: SQSRecord): Promise<StepEnd> => {
    const { batchItemFailures } = await watched({ Records: [record] }, localContext("worker", 870_000));
    if (batchItemFailures.length > 0) return "later";
    await remove(record);
    return "done";
  };
  const step = async (): Promise<StepEnd> => {
    const record = await receive();
    return record === undefined ? "none" : deliver(record);
  };
  const deadTexts = async () => {
    for (;;) {
      const message = await receiveOne(client, deadUrl);
      if (message === undefined) return dead;
      dead.push(message.Body ?? "");
      await client.send(new DeleteMessageCommand({ QueueUrl: deadUrl, ReceiptHandle: message.ReceiptHandle }));
    }
  };
  const sendText = async (MessageBody: string, MessageGroupId = "group") => {
    const command = { QueueUrl: url, MessageBody, MessageGroupId, MessageDeduplicationId: randomUUID() };
    await client.send(new SendMessageCommand(command));
  };
  return {
    step,
    receive,
    deliver,
    remove,
    drain: async () => {
      for (let count = 0; (await step()) !== "none"; count++) {
        if (count > STEPS_MAX) throw new Error("the lane's messages come back for ever");
      }
    },
    send: (job) => sendText(encodeJob(job), messageGroup(job.repository)),
    sendText,
    deadTexts,
    deadLetters: async () => (await deadTexts()).map((text) => JSON.parse(text) as DeadLetter),
    pending: () => countMessages(client, url),
    start: (concurrency) => {
      pollers.push(startPoller({ client, mirror: name, queueUrl: url, concurrency, handler: watched, log: () => {} }));
    },
    stop: async () => {
      await Promise.all(pollers.splice(0).map((poller) => poller.drain(10_000)));
    },
    peak,
  };
}

async function receiveOne(client: SQSClient, QueueUrl: string): Promise<Message | undefined> {
  const command = new ReceiveMessageCommand({
    QueueUrl,
    MaxNumberOfMessages: 1,
    WaitTimeSeconds: 0,
    MessageSystemAttributeNames: ["All"],
  });
  return (await client.send(command)).Messages?.[0];
}

async function countMessages(client: SQSClient, QueueUrl: string): Promise<number> {
  const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
  return Number(Attributes?.ApproximateNumberOfMessages) + Number(Attributes?.ApproximateNumberOfMessagesNotVisible);
}

function recordOf(message: Message, mirror: MirrorName): SQSRecord {
  return {
    messageId: message.MessageId ?? "",
    receiptHandle: message.ReceiptHandle ?? "",
    body: message.Body ?? "",
    attributes: { ...message.Attributes } as unknown as SQSRecord["attributes"],
    messageAttributes: {},
    md5OfBody: "",
    eventSource: "aws:sqs",
    eventSourceARN: queueArn(`${mirror}.fifo`),
    awsRegion: LOCAL_REGION,
  };
}

function watch(work: LaneWorker, peak: Lane["peak"]): LaneWorker {
  const running: string[] = [];
  return async (event, context) => {
    const repository = repositoryOf(event.Records[0]?.body ?? "");
    running.push(repository);
    peak.all = Math.max(peak.all, running.length);
    peak.repository = Math.max(peak.repository, running.filter((other) => other === repository).length);
    try {
      return await work(event, context);
    } finally {
      running.splice(running.indexOf(repository), 1);
    }
  };
}

/** By the job itself: that its repository is its message's group is what a test wants to see. */
function repositoryOf(body: string): string {
  try {
    return (JSON.parse(body) as { repository?: string }).repository ?? body;
  } catch {
    return body;
  }
}
