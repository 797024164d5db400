// The SQS adapter over the wire: the real SDK against an embedded SQS, and a server that refuses.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SQSClient } from "@aws-sdk/client-sqs";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { SQS_CLIENT_SETTINGS, SqsQueue } from "../../src/adapters/sqs-queue.ts";
import { MirrorError } from "../../src/errors.ts";
import { type Job, type NamedRef, parseJob } from "../../src/model/job.ts";
import { type MirrorName, messageGroup, type RepositoryName } from "../../src/model/repository.ts";
import type { DeadLetter } from "../../src/ports.ts";

const mirror = "github" as MirrorName;
const repository = "platform/build tools" as RepositoryName;
const job: Job = { mirror, repository, cause: "event", eventAt: 5 };
const letter: DeadLetter = {
  version: 1,
  job,
  code: "rejected",
  message: "The mirror refused 1 ref.",
  remedy: "Lift the protection.",
  refs: [{ ref: "refs/heads/ä", old: null, new: "a".repeat(40), outcome: "rejected", reason: "protected" }],
  refsOmitted: 0,
  attempts: 1,
  queuedAt: 1,
  failedAt: 2,
};
const credentials = { accessKeyId: "id", secretAccessKey: "key" };

describe("SqsQueue", () => {
  let server: FauxqsServer;
  let client: SQSClient;
  let queue: SqsQueue;
  beforeAll(async () => {
    server = await startFauxqs({ port: 0, host: "127.0.0.1", logger: false });
    client = new SQSClient({ ...SQS_CLIENT_SETTINGS, endpoint: server.address, region: "us-east-1", credentials });
  });
  beforeEach(() => {
    server.purgeAll();
    const attributes = { FifoQueue: "true" };
    const { queueUrl } = server.createQueue("github.fifo", { attributes });
    const letters = server.createQueue("github-dead.fifo", { attributes });
    queue = new SqsQueue({ queueUrls: { [mirror]: queueUrl }, deadLetterUrls: { [mirror]: letters.queueUrl }, client });
  });
  afterAll(async () => {
    client.destroy();
    await server.stop();
  });

  function ready(
    name: string,
  ): { body: string; messageGroupId?: string; messageDeduplicationId?: string; messageId: string }[] {
    return server.inspectQueue(name)?.messages.ready ?? [];
  }

  async function sentLetter(sent: DeadLetter): Promise<{ body: string; read: DeadLetter }> {
    await queue.sendDeadLetter(sent, "failed-id");
    const body = ready("github-dead.fifo")[0]?.body ?? "";
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(256 * 1024);
    return { body, read: JSON.parse(body) };
  }

  test("sends a job in its repository's group, once for each deduplication id", async () => {
    await queue.send(job, "one");
    await queue.send(job, "one");
    await queue.send(job, "two");
    const messages = ready("github.fifo");
    expect(messages.map((message) => message.messageDeduplicationId)).toEqual(["one", "two"]);
    expect(messages[0]?.messageGroupId).toBe(messageGroup(repository));
    expect(parseJob(messages[0]?.body ?? "")).toEqual(job);
  });

  test("sends characters that SQS refuses, escaped", async () => {
    const odd = { ...job, repository: "a\uFFFEb\uFFFF" as RepositoryName };
    await queue.send(odd, "odd");
    expect(parseJob(ready("github.fifo")[0]?.body ?? "")).toEqual(odd);
  });

  test("postpones a received message", async () => {
    await queue.send(job, "one");
    const { ReceiveMessageCommand } = await import("@aws-sdk/client-sqs");
    const QueueUrl = server.inspectQueue("github.fifo")?.url;
    const { Messages } = await client.send(new ReceiveMessageCommand({ QueueUrl }));
    await queue.postpone(mirror, Messages?.[0]?.ReceiptHandle ?? "", 900);
    const inflight = server.inspectQueue("github.fifo")?.messages.inflight[0];
    expect(Math.abs((inflight?.visibilityDeadline ?? 0) - Date.now() - 900_000)).toBeLessThan(10_000);
    await queue.postpone(mirror, Messages?.[0]?.ReceiptHandle ?? "", 0);
    expect(ready("github.fifo")).toHaveLength(1);
  });

  test("sends a dead letter in its repository's group under the failed message's id, and returns its own id", async () => {
    const id = await queue.sendDeadLetter(letter, "failed-id");
    const [message, ...others] = ready("github-dead.fifo");
    expect(others).toEqual([]);
    expect(message).toMatchObject({
      messageId: id,
      messageGroupId: messageGroup(repository),
      messageDeduplicationId: "failed-id",
    });
    expect(JSON.parse(message?.body ?? "")).toEqual(letter);
  });

  test("keeps a letter of 5,000 refs within 256 KiB and counts what it left out", async () => {
    const refs = Array.from({ length: 5_000 }, (_, n) => ({
      ref: `refs/heads/${"ü".repeat(150)}/${n}`,
      old: null,
      new: "a".repeat(40),
      outcome: "rejected",
      reason: "pre-receive hook declined",
    }));
    const { body, read } = await sentLetter({ ...letter, refs, refsOmitted: 3 });
    expect(Buffer.byteLength(body)).toBeGreaterThan(255 * 1024);
    expect(read.refs).toEqual(refs.slice(0, read.refs.length));
    expect(read.refs.length + read.refsOmitted).toBe(5_003);
    expect(read.job).toEqual(job);
  });

  test("names at most 1,000 refs", async () => {
    const refs = Array.from({ length: 1_200 }, () => ({ ref: "r", old: null, new: null, outcome: "held", reason: "" }));
    const { read } = await sentLetter({ ...letter, refs });
    expect([read.refs.length, read.refsOmitted]).toEqual([1_000, 200]);
  });

  test("makes the job of a letter a full one when its own refs do not fit", async () => {
    const refs = Array.from({ length: 5_000 }, (_, n) => ({ ref: `refs/heads/${"x".repeat(80)}${n}`, deleted: false }));
    const { read } = await sentLetter({ ...letter, job: { ...job, refs: refs as NamedRef[] } });
    expect(read.job).toEqual(job);
    expect(read.refs).toEqual(letter.refs);
  });

  test("cuts the message at 8 kB between characters and takes credentials out of it", async () => {
    const { read } = await sentLetter({ ...letter, message: `https://u:hunter2@h ${"ü".repeat(10_000)}` });
    expect(read.message).not.toContain("hunter2");
    expect(Buffer.byteLength(read.message)).toBeGreaterThan(8_190);
    expect(Buffer.byteLength(read.message)).toBeLessThanOrEqual(8_192);
    expect(read.message).not.toContain("\uFFFD");
  });

  test("names the lane and the SDK's error when the queue is gone", async () => {
    server.purgeAll();
    for (const refused of [
      queue.send(job, "x"),
      queue.postpone(mirror, "handle", 5),
      queue.sendDeadLetter(letter, "x"),
    ]) {
      await expect(refused).rejects.toMatchObject({
        code: "queue-refused",
        message: expect.stringMatching(/lane "github".*QueueDoesNotExist/),
        cause: expect.objectContaining({ name: expect.stringContaining("QueueDoesNotExist") }),
      });
    }
  });

  test("names a mirror that has no queue", async () => {
    const unknown = { ...job, mirror: "constructor" as MirrorName };
    await expect(queue.send(unknown, "x")).rejects.toThrow(
      'The mirror "constructor" has no queue; mirrors with one: github.',
    );
    await expect(queue.postpone(unknown.mirror, "handle", 5)).rejects.toBeInstanceOf(MirrorError);
    await expect(queue.sendDeadLetter({ ...letter, job: unknown }, "x")).rejects.toThrow("dead-letter queue");
  });
});

describe("SqsQueue against a server that fails", () => {
  test("gives up after two attempts", async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(503).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = new SQSClient({ ...SQS_CLIENT_SETTINGS, endpoint, region: "us-east-1", credentials });
    const queue = new SqsQueue({ queueUrls: { github: `${endpoint}/1/q.fifo` }, deadLetterUrls: {}, client });
    await expect(queue.send(job, "x")).rejects.toMatchObject({ code: "queue-refused" });
    expect(requests).toBe(2);
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
