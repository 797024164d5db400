// Lambda behind a lane's queue: unpacks each message, runs its job, reports those that come back later.
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { ServicePorts } from "../src/adapters/aws.ts";
import { sharedPorts } from "../src/adapters/shared-ports.ts";
import { ENV, JOB_DEADLINE_SECONDS } from "../src/contract.ts";
import { MirrorError } from "../src/errors.ts";
import type { Delivery, JobPorts } from "../src/job-delivery.ts";
import type { MirrorName } from "../src/model/repository.ts";
import { runJob } from "../src/run-job.ts";
import { sidesOf } from "../src/sides.ts";

/** Left of Lambda's time for setting the message's visibility and writing the status. */
const MARGIN_MS = 20_000;

/** Batch size is 1; more would run one after the other. Never throws: Lambda would slow the whole lane down. */
export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  return workBatch(event, context, () => sharedPorts(process.env));
}

/** The handler with its ports given. */
export async function workBatch(
  event: SQSEvent,
  context: Context,
  openPorts: () => Promise<ServicePorts>,
): Promise<SQSBatchResponse> {
  const batchItemFailures: { itemIdentifier: string }[] = [];
  for (const record of event.Records) {
    const isDone = await runRecord(record, context, openPorts);
    if (!isDone) batchItemFailures.push({ itemIdentifier: record.messageId });
  }
  return { batchItemFailures };
}

async function runRecord(
  record: SQSRecord,
  context: Context,
  openPorts: () => Promise<ServicePorts>,
): Promise<boolean> {
  let ports: ServicePorts | undefined;
  const remaining = Math.min(JOB_DEADLINE_SECONDS * 1000, context.getRemainingTimeInMillis() - MARGIN_MS);
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new MirrorError("deadline", `The job did not end within ${Math.round(remaining / 1000)} s.`)),
    Math.max(0, remaining),
  );
  try {
    ports = await openPorts();
    return (await runJob(deliveryOf(record), jobPorts(ports), deadline.signal)) === "done";
  } catch (error) {
    // The queue or the status store failed: the message comes back when its visibility ends.
    const fields = { messageId: record.messageId, error: MirrorError.from(error) };
    if (ports === undefined)
      console.error(
        JSON.stringify({
          level: "error",
          message: "worker cannot start",
          code: fields.error.code,
          error: fields.error.message,
        }),
      );
    else ports.log("error", "job broken off", fields);
    return false;
  } finally {
    clearTimeout(timer);
  }
}

function deliveryOf(record: SQSRecord): Delivery {
  return {
    messageId: record.messageId,
    receiptHandle: record.receiptHandle,
    body: record.body,
    receiveCount: Number(record.attributes.ApproximateReceiveCount),
    queuedAt: Number(record.attributes.SentTimestamp),
    mirror: laneOf(record.eventSourceARN),
  };
}

/** Only a message that is no job needs it: jobs name their mirror themselves. */
function laneOf(arn: string): MirrorName {
  const queue = arn.slice(arn.lastIndexOf(":") + 1);
  const urls = Object.entries<string>(JSON.parse(process.env[ENV.queueUrls] ?? "{}"));
  const [name] = urls.find(([, url]) => url.endsWith(`/${queue}`)) ?? [queue];
  return name as MirrorName;
}

function jobPorts(ports: ServicePorts): JobPorts {
  const { openSource, openMirror } = sidesOf(ports);
  return {
    ...ports,
    openSides: async (job, mirror, deadline) => ({
      source: await openSource(job.repository, deadline),
      mirror: await openMirror(mirror, job.repository, deadline),
    }),
  };
}
