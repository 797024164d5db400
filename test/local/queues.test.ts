// The contract cases of SQS on which the product leans, against the embedded queues. What fauxqs 2.4.1 does differently from
// SQS (and what nothing here leans on) is said beside the case.
import { randomUUID } from "node:crypto";
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LOCAL_REGION, type LocalQueues, startQueues } from "../../local/queues.ts";
import type { MirrorName } from "../../src/model/repository.ts";

const MIRROR = "one" as MirrorName;
const KEY = "TESTKEY";

let queues: LocalQueues;
let client: SQSClient;
let url: string;
let lettersUrl: string;

beforeEach(async () => {
  queues = await startQueues([MIRROR, "two" as MirrorName], { accessKeyId: KEY, maxReceiveCount: 2 });
  client = clientWith(KEY);
  url = queues.queueUrls[MIRROR] ?? "";
  lettersUrl = queues.deadLetterUrls[MIRROR] ?? "";
});

afterEach(async () => {
  client.destroy();
  await queues.close();
});

describe("the queues", () => {
  test("listen on loopback only, one pair for each mirror", () => {
    expect(queues.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(queues.queueUrls).toEqual({
      one: `${queues.endpoint}/000000000000/one.fifo`,
      two: `${queues.endpoint}/000000000000/two.fifo`,
    });
    expect(queues.deadLetterUrls).toEqual({
      one: `${queues.endpoint}/000000000000/one-dead-letters.fifo`,
      two: `${queues.endpoint}/000000000000/two-dead-letters.fifo`,
    });
  });

  test("have the attributes of the stack", async () => {
    const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }));
    expect(Attributes).toMatchObject({
      FifoQueue: "true",
      VisibilityTimeout: "900",
      ContentBasedDeduplication: "false",
      DeduplicationScope: "messageGroup",
      FifoThroughputLimit: "perMessageGroupId",
    });
    expect(JSON.parse(Attributes?.RedrivePolicy ?? "")).toEqual({
      deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:one-dead-letters.fifo",
      maxReceiveCount: 2,
    });
    const letters = await client.send(
      new GetQueueAttributesCommand({ QueueUrl: lettersUrl, AttributeNames: ["MessageRetentionPeriod"] }),
    );
    expect(letters.Attributes).toEqual({ MessageRetentionPeriod: "1209600" });
  });

  test("refuse who does not sign with the key of the process", async () => {
    const stranger = clientWith("OTHER");
    await expect(stranger.send(new ReceiveMessageCommand({ QueueUrl: url }))).rejects.toThrow(/Not signed/);
    stranger.destroy();
    const bare = await fetch(`${queues.endpoint}/_fauxqs/queues`);
    expect(bare.status).toBe(403);
  });
});

describe("the contract of SQS", () => {
  // SQS may return several messages of one group in one receive; fauxqs returns one. With batch size 1 both are the same.
  test("a group is locked while one of its messages is in flight, and other groups go on", async () => {
    await send("a1", "a");
    await send("a2", "a");
    await send("b1", "b");
    expect(await receive(10)).toMatchObject([{ Body: "a1" }, { Body: "b1" }]);
    expect(await receive(10)).toEqual([]);
  });

  test("deleting what is in flight frees the group, and a waiting long poll gets its next message at once", async () => {
    await send("a1", "a");
    await send("a2", "a");
    const [first] = await receive(1);
    const waiting = receive(1, 20);
    await remove(first);
    expect(await waiting).toMatchObject([{ Body: "a2" }]);
  });

  test("a message whose visibility is shortened comes back before the later ones of its group", async () => {
    await send("a1", "a");
    await send("a2", "a");
    const [first] = await receive(1);
    await client.send(
      new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle: first?.ReceiptHandle, VisibilityTimeout: 0 }),
    );
    const again = await receive(1);
    expect(again).toMatchObject([{ Body: "a1", Attributes: { ApproximateReceiveCount: "2" } }]);
    await remove(again[0]);
    expect(await receive(1)).toMatchObject([{ Body: "a2" }]);
  });

  // With DeduplicationScope `messageGroup` SQS takes an equal id in another group; fauxqs drops it there, too. The product's
  // ids are unique over all groups, so it never meets the difference. The five minutes themselves are not waited for here.
  test("an equal deduplication id is dropped, also after its message was deleted", async () => {
    const sent = await send("a1", "a", "same");
    const [first] = await receive(1);
    await remove(first);
    const again = await send("a1 again", "a", "same");
    expect(again.MessageId).toBe(sent.MessageId);
    expect(await receive(10)).toEqual([]);
  });

  test("without deduplication id a message is refused", async () => {
    const command = new SendMessageCommand({ QueueUrl: url, MessageBody: "x", MessageGroupId: "a" });
    await expect(client.send(command)).rejects.toThrow(/ContentBasedDeduplication/);
  });

  // SQS sets DeadLetterQueueSourceArn and replaces the deduplication id by the message id; fauxqs does neither, and its
  // receive count is one too high. The product reads none of the three.
  test("after maxReceiveCount receives a message is moved to the dead-letter queue under its id, and its group goes on", async () => {
    const sent = await send("a1", "a");
    await send("a2", "a");
    for (const _ of [1, 2]) {
      const [message] = await receive(1);
      expect(message?.Body).toBe("a1");
      await client.send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: url,
          ReceiptHandle: message?.ReceiptHandle,
          VisibilityTimeout: 0,
        }),
      );
    }
    expect(await receive(1)).toMatchObject([{ Body: "a2" }]);
    expect(await receive(1, 0, lettersUrl)).toMatchObject([{ Body: "a1", MessageId: sent.MessageId }]);
  });
});

function clientWith(accessKeyId: string): SQSClient {
  return new SQSClient({
    endpoint: queues.endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId, secretAccessKey: "local" },
  });
}

function send(body: string, group: string, id: string = randomUUID()) {
  return client.send(
    new SendMessageCommand({ QueueUrl: url, MessageBody: body, MessageGroupId: group, MessageDeduplicationId: id }),
  );
}

async function receive(count: number, waitSeconds = 0, from = url): Promise<Message[]> {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: from,
      MaxNumberOfMessages: count,
      WaitTimeSeconds: waitSeconds,
      MessageSystemAttributeNames: ["All"],
    }),
  );
  return Messages;
}

async function remove(message: Message | undefined): Promise<void> {
  await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message?.ReceiptHandle }));
}
