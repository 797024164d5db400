// A worker as a process of its own, to be killed at any moment: the real handler on one lane's queue.
// Run with the contract's environment and the lane's name; it ends only by a signal.
import { SQSClient } from "@aws-sdk/client-sqs";
import { handler } from "../../functions/worker.ts";
import { startPoller } from "../../local/poller.ts";
import { ENV } from "../../src/contract.ts";
import type { MirrorName } from "../../src/model/repository.ts";

const mirror = process.argv[2] as MirrorName;
const urls: Record<string, string> = JSON.parse(process.env[ENV.queueUrls] ?? "{}");
startPoller({
  client: new SQSClient({}),
  mirror,
  queueUrl: urls[mirror] ?? "",
  concurrency: 2,
  handler,
  log: () => {},
});
