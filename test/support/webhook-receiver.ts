// The real webhook handler behind the real front of one machine, with what it was sent and queued kept for the test.
import type { LambdaFunctionURLEvent } from "aws-lambda";
import { answerPost } from "../../functions/webhook.ts";
import { startFront } from "../../local/front.ts";
import { FileSecrets } from "../../src/adapters/file-secrets.ts";
import type { Config } from "../../src/config.ts";
import type { Job } from "../../src/model/job.ts";
import { world } from "./webhook-world.ts";

export type WebhookReceiver = {
  url: string;
  port: number;
  jobs: Job[];
  /** Status of each answer, oldest first. */
  statuses: number[];
  /** Bodies as they were posted. */
  bodies: string[];
  /** The most posts that were being answered at once. */
  atOnce(): number;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `hold` is awaited by each post before it is answered. `port` 0: any free one. */
export async function startWebhookReceiver(options: {
  config: Config;
  secretsFile: string;
  port?: number;
  hold?: () => Promise<unknown>;
}): Promise<WebhookReceiver> {
  const { config, secretsFile, port = 0, hold } = options;
  const { ports, jobs } = world({ config });
  const statuses: number[] = [];
  const bodies: string[] = [];
  const seen = { running: 0, most: 0 };
  const secrets = new FileSecrets(secretsFile);
  const handler = async (event: LambdaFunctionURLEvent) => {
    seen.running++;
    seen.most = Math.max(seen.most, seen.running);
    bodies.push(Buffer.from(event.body ?? "", "base64").toString("utf8"));
    await hold?.();
    const result = await answerPost(event, { ...ports, secrets });
    statuses.push(typeof result === "string" ? 200 : (result.statusCode ?? 200));
    seen.running--;
    return result;
  };
  const front = await startFront({ host: "127.0.0.1", port, handler, log: () => {} });
  return {
    url: front.url,
    port: Number(new URL(front.url).port),
    get jobs() {
      return jobs.map(({ job }) => job);
    },
    statuses,
    bodies,
    atOnce: () => seen.most,
    [Symbol.asyncDispose]: () => front.close(),
  };
}
