// The Queue port on Amazon SQS: each lane's FIFO queue, and its dead-letter queue with letters cut to what SQS and people can take.
import {
  ChangeMessageVisibilityCommand,
  SendMessageCommand,
  type SendMessageCommandInput,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { DEAD_LETTER_BYTES_MAX } from "../contract.ts";
import { MirrorError } from "../errors.ts";
import { encodeJob, type Job } from "../model/job.ts";
import { type MirrorName, messageGroup, secondLookGroup } from "../model/repository.ts";
import type { DeadLetter, Queue } from "../ports.ts";
import { redactUserinfo } from "./redact.ts";

export type SqsQueueOptions = {
  /** Mirror name -> URL of the lane's queue. */
  queueUrls: Readonly<Record<string, string>>;
  /** Mirror name -> URL of the lane's dead-letter queue. */
  deadLetterUrls: Readonly<Record<string, string>>;
  client: SQSClient;
};

/**
 * For `new SQSClient(...)`. Two attempts of two seconds end before Gerrit's default socket timeout of five; what fails
 * then is answered 429 and posted again. The SDK keeps connections alive by itself.
 */
export const SQS_CLIENT_SETTINGS = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
};

const LETTER_REFS_MAX = 1_000;
const LETTER_MESSAGE_BYTES_MAX = 8 * 1024;
const SDK_MESSAGE_MAX = 500;

export class SqsQueue implements Queue {
  readonly #options: SqsQueueOptions;

  constructor(options: SqsQueueOptions) {
    this.#options = options;
  }

  async send(job: Job, deduplicationId: string): Promise<void> {
    const url = urlOf(this.#options.queueUrls, job.mirror, "queue");
    await this.#post(job, url, sqsText(encodeJob(job)), deduplicationId, "job");
  }

  async postpone(mirror: MirrorName, receiptHandle: string, seconds: number): Promise<void> {
    const QueueUrl = urlOf(this.#options.queueUrls, mirror, "queue");
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl,
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: seconds,
    });
    try {
      await this.#options.client.send(command);
    } catch (error) {
      throw refused(mirror, `a job's delay of ${seconds} s`, error);
    }
  }

  async sendDeadLetter(letter: DeadLetter, failedMessageId: string): Promise<string> {
    const url = urlOf(this.#options.deadLetterUrls, letter.job.mirror, "dead-letter queue");
    return await this.#post(letter.job, url, encodeLetter(letter), failedMessageId, "dead letter");
  }

  async sendUnreadable(mirror: MirrorName, body: string, failedMessageId: string): Promise<void> {
    const QueueUrl = urlOf(this.#options.deadLetterUrls, mirror, "dead-letter queue");
    const ids = { MessageDeduplicationId: failedMessageId, MessageGroupId: "unreadable" };
    await this.#sendMessage(mirror, "a message that is no job", { QueueUrl, MessageBody: body, ...ids });
  }

  async #post(
    { mirror, repository, again }: Job,
    QueueUrl: string,
    MessageBody: string,
    MessageDeduplicationId: string,
    what: string,
  ): Promise<string> {
    const MessageGroupId = again === true ? secondLookGroup(repository) : messageGroup(repository);
    const input = { QueueUrl, MessageBody, MessageDeduplicationId, MessageGroupId };
    return await this.#sendMessage(mirror, `the ${what} of "${repository}"`, input);
  }

  async #sendMessage(mirror: MirrorName, what: string, input: SendMessageCommandInput): Promise<string> {
    const command = new SendMessageCommand(input);
    try {
      const { MessageId } = await this.#options.client.send(command);
      if (MessageId === undefined) throw new Error("the answer names no message id");
      return MessageId;
    } catch (error) {
      throw refused(mirror, what, error);
    }
  }
}

/** The letter as JSON within DEAD_LETTER_BYTES_MAX: its message is cut, then refs are dropped from the end. */
function encodeLetter(letter: DeadLetter): string {
  const message = cutText(redactUserinfo(letter.message), LETTER_MESSAGE_BYTES_MAX);
  const everyRefOmitted = { ...letter, message, refs: [], refsOmitted: letter.refsOmitted + letter.refs.length };
  const base = byteLength(everyRefOmitted) <= DEAD_LETTER_BYTES_MAX ? everyRefOmitted : wholeJob(everyRefOmitted);

  let room = DEAD_LETTER_BYTES_MAX - byteLength(base);
  const refs: DeadLetter["refs"] = [];
  for (const ref of letter.refs.slice(0, LETTER_REFS_MAX)) {
    room -= byteLength(ref) + ",".length;
    if (room < 0) break;
    refs.push(ref);
  }
  return sqsText(JSON.stringify({ ...base, refs, refsOmitted: base.refsOmitted - refs.length }));
}

/** A job that names too many long refs to fit is kept as a full one: replayed, it does what was asked and more. */
function wholeJob(letter: DeadLetter): DeadLetter {
  const { refs: _, ...job } = letter.job;
  return { ...letter, job };
}

function byteLength(value: unknown): number {
  return Buffer.byteLength(sqsText(JSON.stringify(value)));
}

/** JSON in the characters that SQS takes: of those that JSON leaves bare, SQS refuses U+FFFE and U+FFFF. */
function sqsText(json: string): string {
  return json.replaceAll("\uFFFE", "\\ufffe").replaceAll("\uFFFF", "\\uffff");
}

/** At most so many UTF-8 bytes, ending with a whole character. */
function cutText(text: string, bytes: number): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.from(text).subarray(0, bytes), { stream: true });
}

function urlOf(urls: Readonly<Record<string, string>>, mirror: MirrorName, what: string): string {
  const url = Object.hasOwn(urls, mirror) ? urls[mirror] : undefined;
  if (url !== undefined) return url;
  const known = Object.keys(urls).join(", ") || "none";
  throw new MirrorError("queue-refused", `The mirror "${mirror}" has no ${what}; mirrors with one: ${known}.`);
}

function refused(mirror: MirrorName, what: string, error: unknown): MirrorError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const said = redactUserinfo(message).slice(0, SDK_MESSAGE_MAX);
  return new MirrorError("queue-refused", `The queue of lane "${mirror}" refused ${what}: ${name}: ${said}`, {
    cause: error,
  });
}
