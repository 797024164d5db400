// The embedded SQS of one machine: for each mirror a FIFO queue and its dead-letter queue, in memory, on loopback.
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { buildApp } from "fauxqs";
import { DEAD_LETTER_RETENTION_DAYS, MAX_RECEIVE_COUNT, VISIBILITY_TIMEOUT_SECONDS } from "../src/contract.ts";
import type { MirrorName } from "../src/model/repository.ts";

/** fauxqs's own account and default region; they only appear in addresses and ARNs. */
const ACCOUNT = "000000000000";
export const LOCAL_REGION = "us-east-1";

export type LocalQueues = {
  endpoint: string;
  /** Mirror name -> URL. */
  queueUrls: Record<string, string>;
  deadLetterUrls: Record<string, string>;
  close(): Promise<void>;
};

export type QueueOptions = {
  /** Requests signed with another key id are refused: other users of the machine reach loopback too. */
  accessKeyId: string;
  /** Defaults are those of the stack (`src/contract.ts`); tests shorten them. */
  visibilitySeconds?: number;
  maxReceiveCount?: number;
};

/** Starts the queues of these mirrors on a free port of 127.0.0.1. */
export async function startQueues(mirrors: readonly MirrorName[], options: QueueOptions): Promise<LocalQueues> {
  // Not fauxqs's own `startFauxqs`: that one listens on 0.0.0.0 (2.4.1).
  const app = buildApp({ logger: false, defaultRegion: LOCAL_REGION });
  app.addHook("onRequest", (request, reply, done) => {
    if (request.headers.authorization?.includes(`Credential=${options.accessKeyId}/`)) return done();
    reply.code(403).send({ __type: "AccessDenied", message: "Not signed with the key of this process." });
  });
  const endpoint = await app.listen({ host: "127.0.0.1", port: 0 });
  const client = new SQSClient({
    endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId: options.accessKeyId, secretAccessKey: "local" },
  });
  const queueUrls: Record<string, string> = {};
  const deadLetterUrls: Record<string, string> = {};
  try {
    for (const mirror of mirrors) {
      deadLetterUrls[mirror] = await createQueue(client, endpoint, deadLetterQueue(mirror));
      queueUrls[mirror] = await createQueue(client, endpoint, jobQueue(mirror, options));
    }
  } catch (error) {
    await app.close();
    throw error;
  } finally {
    client.destroy();
  }
  return { endpoint, queueUrls, deadLetterUrls, close: () => app.close() };
}

export function queueArn(name: string): string {
  return `arn:aws:sqs:${LOCAL_REGION}:${ACCOUNT}:${name}`;
}

type QueueDefinition = { name: string; attributes: Record<string, string> };

function jobQueue(mirror: MirrorName, options: QueueOptions): QueueDefinition {
  return {
    name: `${mirror}.fifo`,
    attributes: {
      ...FIFO_ATTRIBUTES,
      VisibilityTimeout: String(options.visibilitySeconds ?? VISIBILITY_TIMEOUT_SECONDS),
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: queueArn(deadLetterName(mirror)),
        maxReceiveCount: options.maxReceiveCount ?? MAX_RECEIVE_COUNT,
      }),
    },
  };
}

function deadLetterQueue(mirror: MirrorName): QueueDefinition {
  return {
    name: deadLetterName(mirror),
    attributes: { ...FIFO_ATTRIBUTES, MessageRetentionPeriod: String(DEAD_LETTER_RETENTION_DAYS * 86_400) },
  };
}

/** High throughput mode, as in the stack: it scopes deduplication to the group. */
const FIFO_ATTRIBUTES = {
  FifoQueue: "true",
  ContentBasedDeduplication: "false",
  DeduplicationScope: "messageGroup",
  FifoThroughputLimit: "perMessageGroupId",
};

function deadLetterName(mirror: MirrorName): string {
  return `${mirror}-dead-letters.fifo`;
}

/** The URL that fauxqs answers names a host that does not resolve everywhere (`sqs.REGION.localhost`); it reads only the path. */
async function createQueue(client: SQSClient, endpoint: string, queue: QueueDefinition): Promise<string> {
  await client.send(new CreateQueueCommand({ QueueName: queue.name, Attributes: queue.attributes }));
  return `${endpoint}/${ACCOUNT}/${queue.name}`;
}
