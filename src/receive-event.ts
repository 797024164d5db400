// The use case of the webhook: a post from Gerrit becomes one job for each lane that carries the ref, or a clear refusal.
import { randomUUID } from "node:crypto";
import { BlockList, isIP } from "node:net";
import { type Config, type MirrorConfig, mirrorsOf } from "./config.ts";
import { JOB_REFS_MAX, METRICS, WEBHOOK_BODY_BYTES_MAX } from "./contract.ts";
import { MirrorError } from "./errors.ts";
import { type Proof, refusalOf } from "./gerrit/authentication.ts";
import { type GerritEvent, type IgnoredEvent, parseEvent, type RefChange } from "./gerrit/event.ts";
import type { Job, NamedRef } from "./model/job.ts";
import { displayRef, type RefName } from "./model/ref.ts";
import { managesRef } from "./plan/ref-patterns.ts";
import type { Clock, Log, Metrics, Queue, Secrets, StatusStore } from "./ports.ts";

/** `headers` have lower-case names; `path` is without the query. */
export type WebhookRequest = {
  method: string;
  path: string;
  headers: Readonly<Record<string, string | undefined>>;
  body: Uint8Array;
  sourceAddress?: string;
};

/** `body` is a short JSON object. */
export type WebhookAnswer = { status: number; body: string };

export type WebhookPorts = {
  config: Config;
  queue: Queue;
  secrets: Secrets;
  metrics: Metrics;
  log: Log;
  clock: Clock;
  status: Pick<StatusStore, "announceDeletions">;
};

/** A hundred names of 4 kB each are no log line; the count says the rest. */
const LOGGED_REFS_MAX = 10;

/**
 * Answers as design 4 says: 200 for queued and for ignored, and never 5xx, since Gerrit turns one 5xx into 30 posts that block
 * its threads; a 429 it repeats a few times, which is harmless.
 */
export async function receiveEvent(request: WebhookRequest, ports: WebhookPorts): Promise<WebhookAnswer> {
  const { config } = ports;
  // Neither is logged or counted: anything on the Internet may ask for any path.
  if (!/^\/webhook(?:\/|$)/.test(request.path)) return answer(404, { error: "only /webhook is served here" });
  if (request.method !== "POST") return answer(405, { error: "only POST is served here" });
  if (bodyLength(request) > WEBHOOK_BODY_BYTES_MAX) {
    return refuse(413, `the body is larger than ${WEBHOOK_BODY_BYTES_MAX} bytes`, request, ports);
  }
  if (!isAllowedAddress(config.webhook.sourceAddresses, request.sourceAddress)) {
    return refuse(403, "the source address is not in webhook.sourceAddresses", request, ports);
  }
  const refusal = await refusalOf(proofOf(request), config.webhook, ports);
  // The caller is told no more than this: who does not know the secret need not learn how it is set up.
  if (refusal !== undefined) return refuse(401, "bad or missing secret", request, ports, refusal);

  let event: GerritEvent | IgnoredEvent;
  try {
    event = parseEvent(request.body);
  } catch (error) {
    return refuse(400, MirrorError.from(error).message, request, ports);
  }
  if (event.kind === "ignored") return ignore(event.type, "no ref can have moved", ports);
  const mirrors = mirrorsOf(config, event.repository);
  if (mirrors.length === 0) return ignore(event.repository, "no mirror carries this repository", ports);
  const tasks = mirrors.flatMap((mirror) => taskOf(event, mirror));
  if (tasks.length === 0) return ignore(refsText(event), "no mirror carries this ref", ports);
  await announceDeletions(tasks, ports);
  return enqueue(
    tasks.map(({ job }) => job),
    request,
    ports,
  );
}

/** What the sender says and what came: a front that cuts bodies must not make a large one look small. */
function bodyLength(request: WebhookRequest): number {
  const said = Number(request.headers["content-length"]);
  return Number.isFinite(said) ? Math.max(said, request.body.length) : request.body.length;
}

/** `allowed` holds addresses and `address/bits`; an empty list allows everybody. */
function isAllowedAddress(allowed: string[], address: string | undefined): boolean {
  if (allowed.length === 0) return true;
  if (address === undefined || isIP(address) === 0) return false;
  const list = new BlockList();
  for (const entry of allowed) {
    const [network = "", bits] = entry.split("/");
    if (bits === undefined) list.addAddress(network, familyOf(network));
    else list.addSubnet(network, Number(bits), familyOf(network));
  }
  return list.check(address, familyOf(address));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

function proofOf({ path, headers, body }: WebhookRequest): Proof {
  if (path !== "/webhook") return { kind: "path", secret: path.slice("/webhook/".length) };
  return { kind: "signature", signature: headers["x-hub-signature-256"] ?? "", body };
}

/** A lane's job, and the deletions that its event announces, which may be more than a job names. */
type Task = { job: Job; deleted: RefName[] };

/** None when the mirror manages none of the refs. */
function taskOf(event: GerritEvent, mirror: MirrorConfig): Task[] {
  const job: Job = {
    mirror: mirror.name,
    repository: event.repository,
    cause: "event",
    ...(event.at !== undefined && { eventAt: event.at }),
  };
  if (event.kind === "repository") return [{ job, deleted: [] }];
  const refs = namedRefs(event.refs.filter(({ ref }) => managesRef(mirror.refs, ref)));
  if (refs.length === 0) return [];
  const deleted = refs.filter((named) => named.deleted).map(({ ref }) => ref);
  return [{ job: refs.length > JOB_REFS_MAX ? job : { ...job, refs }, deleted }];
}

/** One entry for each ref: the last update of a ref in a batch is the one to look for. */
function namedRefs(changes: RefChange[]): NamedRef[] {
  const refs = new Map<string, NamedRef>();
  for (const { ref, old, new: value } of changes) {
    refs.set(ref, { ref, deleted: value === undefined, ...(old !== undefined && { old }) });
  }
  return [...refs.values()];
}

/** One lane that refuses makes the whole post a 429: Gerrit repeats it, and the other lanes find nothing to do. */
async function enqueue(jobs: Job[], request: WebhookRequest, ports: WebhookPorts): Promise<WebhookAnswer> {
  const { queue, metrics, log, clock } = ports;
  const results = await Promise.allSettled(jobs.map((job) => queue.send(job, randomUUID())));
  const queued = jobs.filter((_, index) => results[index]?.status === "fulfilled");
  for (const { mirror } of queued) metrics.add(METRICS.eventsQueued, 1, "Count", { mirror });
  const { repository, refs, eventAt } = jobs[0] ?? {};
  if (queued.length > 0) {
    log("info", "event queued", {
      repository,
      mirrors: queued.map((job) => job.mirror),
      refs: refs?.slice(0, LOGGED_REFS_MAX).map(({ ref }) => displayRef(ref)) ?? "all",
      ...(refs !== undefined && { refCount: refs.length }),
      ...(eventAt !== undefined && { ageMs: clock() - eventAt }),
    });
  }
  const failures = results.flatMap((result, index) =>
    result.status === "rejected" ? `${jobs[index]?.mirror}: ${MirrorError.from(result.reason).message}` : [],
  );
  if (failures.length > 0) return refuse(429, "a queue refused the job", request, ports, failures.join("; "));
  return answer(200, { queued: queued.map((job) => job.mirror) });
}

/** A store that fails costs nothing but a second look at a guarded deletion. */
async function announceDeletions(tasks: Task[], { status, log, clock }: WebhookPorts): Promise<void> {
  for (const { job, deleted } of tasks) {
    if (deleted.length === 0) continue;
    await status.announceDeletions(job, deleted, clock()).catch((error: unknown) => {
      log("warn", "announced deletions could not be noted", { mirror: job.mirror, error: MirrorError.from(error) });
    });
  }
}

function refsText(event: GerritEvent): string {
  const refs = event.kind === "refs" ? event.refs : [];
  const first = displayRef(refs[0]?.ref ?? "");
  return refs.length > 1 ? `${first} and ${refs.length - 1} more` : first;
}

/** No log line: on a busy Gerrit most events are of `refs/changes/*`. */
function ignore(what: string, reason: string, { metrics }: WebhookPorts): WebhookAnswer {
  metrics.add(METRICS.eventsIgnored, 1, "Count");
  return answer(200, { ignored: what.slice(0, 200), reason });
}

/** The path stays out of the log, since it may hold the secret with a slip of the pen. `detail` is for the log alone. */
function refuse(
  status: number,
  reason: string,
  { sourceAddress }: WebhookRequest,
  { metrics, log }: WebhookPorts,
  detail?: string,
): WebhookAnswer {
  metrics.add(METRICS.eventsRefused, 1, "Count");
  log("warn", "event refused", {
    status,
    reason: detail === undefined ? reason : `${reason}: ${detail}`,
    ...(sourceAddress !== undefined && { sourceAddress }),
  });
  return answer(status, { error: reason });
}

function answer(status: number, body: Readonly<Record<string, unknown>>): WebhookAnswer {
  return { status, body: JSON.stringify(body) };
}
