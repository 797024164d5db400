// The use cases of Gerrit's side: install, check, remove and rotate the webhook, each proved by reading it back.
import { MirrorError } from "./errors.ts";
import type { GerritRest } from "./gerrit/rest.ts";
import { displayWebhookUrl, partsOfWebhookUrl, webhookUrl } from "./gerrit/webhook-url.ts";
import {
  deleteRemote,
  differencesOf,
  type Remote,
  type RemoteId,
  readRemotes,
  writeRemote,
} from "./gerrit/webhooks-plugin.ts";
import type { Secret } from "./model/secret.ts";
import type { ProbeResult } from "./webhook-probe.ts";

export type WebhookSetup = RemoteId & { gerrit: GerritRest };

/** `ours` is the remote of that name, `others` are all besides. */
export type WebhookState = { ours?: Remote; others: Map<string, Remote> };

/** What is not as it should be, and what to do. */
export type Problem = { field: string; message: string; remedy: string };
export type Verdict = { problems: Problem[]; notes: string[] };

export type Probe = (url: Secret) => Promise<ProbeResult>;

/** Undefined when Gerrit has no REST API of the webhooks plugin. */
export async function readWebhook({ gerrit, project, name }: WebhookSetup): Promise<WebhookState | undefined> {
  const others = await readRemotes(gerrit, project);
  if (others === undefined) return undefined;
  const ours = others.get(name);
  others.delete(name);
  return ours === undefined ? { others } : { ours, others };
}

/** Whether the remote is in force just as `installWebhook` would write it. */
export function isInstalled({ ours }: WebhookState, url: Secret): boolean {
  return ours !== undefined && isSame(ours.url, url) && differencesOf(ours).failures.length === 0;
}

/** `before` is what was read before: the other remotes must be the same after. */
export async function installWebhook(setup: WebhookSetup, before: WebhookState, url: Secret): Promise<Verdict> {
  await writeRemote(setup.gerrit, setup, url);
  const { ours, others } = await readAgain(setup);
  if (ours === undefined) return { problems: [missing("The remote is not there after it was written.")], notes: [] };
  const { problems, notes } = settingsOf(ours);
  if (!isSame(ours.url, url)) {
    const [written, read] = [displayWebhookUrl(url), displayWebhookUrl(ours.url)];
    const message = `url: written ${written}, read ${read}${written === read ? " with another secret" : ""}.`;
    problems.unshift({ field: "url", message, remedy: READ_BACK });
  }
  problems.push(...changedOthers(before.others, others));
  return { problems, notes };
}

/** `base`: where posts should go, if it is known; `valid`: the secrets that the receiver takes, current first. */
export type Expectation = { base?: string; valid: readonly Secret[] };

export async function checkWebhook(state: WebhookState, { base, valid }: Expectation, probe: Probe): Promise<Verdict> {
  const { ours } = state;
  if (ours === undefined) return { problems: [missing("There is no such remote.")], notes: [] };
  const { problems, notes } = settingsOf(ours);
  const parts = partsOfWebhookUrl(ours.url);
  if (parts === undefined || (base !== undefined && parts.base !== base)) {
    const message = `url: it is ${displayWebhookUrl(ours.url)}, expected ${base ?? "BASE"}/webhook/SECRET.`;
    return { problems: [{ field: "url", message, remedy: INSTALL_URL }, ...problems], notes };
  }
  if (base === undefined) notes.push("Whether the URL leads here was not looked at: give --url to compare it.");
  const index = valid.findIndex((secret) => isSame(secret, parts.secret));
  if (index === -1) {
    problems.unshift({ field: "secret", message: "secret: it is none of the valid ones.", remedy: INSTALL });
    return { problems, notes };
  }
  if (index > 0) notes.push("The secret is the previous one: run `gerrit-mirror webhook rotate` to end the rotation.");
  const result = await probe(ours.url);
  if (result.kind === "refused") problems.push(refusedProbe());
  if (result.kind === "unknown") notes.push(`The receiver was not reached from here (${result.why}); Gerrit may.`);
  return { problems, notes };
}

/** Takes away only what gerrit-mirror can have written. Throws `usage` for a stranger's remote of that name. */
export async function removeWebhook(setup: WebhookSetup, before: WebhookState): Promise<Verdict> {
  if (before.ours === undefined) return { problems: [], notes: ["There is no such remote: nothing to remove."] };
  if (partsOfWebhookUrl(before.ours.url) === undefined) {
    const message = `The remote "${setup.name}" of ${setup.project} posts to ${displayWebhookUrl(before.ours.url)}, which is no address of gerrit-mirror; it was left alone.`;
    throw new MirrorError("usage", message, { remedy: "Give the remote's name with --name." });
  }
  await deleteRemote(setup.gerrit, setup);
  const { ours, others } = await readAgain(setup);
  const problems = changedOthers(before.others, others);
  if (ours !== undefined) {
    const message = `The remote is still in force for ${setup.project}: a parent project has it.`;
    problems.unshift({ field: "remote", message, remedy: "Remove it there, usually in All-Projects." });
  }
  return { problems, notes: [] };
}

export type Rotation = Expectation & {
  make(): Secret;
  /** Makes the secret the current one and keeps the current one valid as the previous. */
  store(next: Secret): Promise<void>;
  probe: Probe;
};

/** `resumed`: Gerrit still had the previous secret, so that no new one was made and the rotation before was ended. */
export type Rotated = Verdict & { resumed: boolean };

/**
 * The receiver knows the new secret before Gerrit posts with it, and the old one as long as Gerrit may. If Gerrit's side
 * fails both stay valid, and the next call goes on from there. Throws `invalid-secret` when Gerrit has neither.
 */
export async function rotateWebhook(setup: WebhookSetup, before: WebhookState, rotation: Rotation): Promise<Rotated> {
  const parts = before.ours === undefined ? undefined : partsOfWebhookUrl(before.ours.url);
  const index = rotation.valid.findIndex((secret) => parts !== undefined && isSame(secret, parts.secret));
  const [current] = rotation.valid;
  if (parts === undefined || index === -1 || current === undefined) {
    const message = `The remote "${setup.name}" of ${setup.project} posts with no secret that is valid now; a rotation needs one that works.`;
    throw new MirrorError("invalid-secret", message, { remedy: INSTALL });
  }
  const resumed = index > 0;
  const next = resumed ? current : rotation.make();
  if (!resumed) await rotation.store(next);
  const url = webhookUrl(rotation.base ?? parts.base, next);
  const result = await rotation.probe(url);
  if (result.kind === "refused") return { problems: [refusedProbe()], notes: [BOTH_VALID], resumed };
  const unseen = result.kind === "unknown" ? [`The receiver was not reached from here (${result.why}).`] : [];
  try {
    const { problems, notes } = await installWebhook(setup, before, url);
    return { problems, notes: [...unseen, ...notes, ...(problems.length > 0 ? [BOTH_VALID] : [])], resumed };
  } catch (error) {
    const { code, message, remedy } = MirrorError.from(error);
    return { problems: [{ field: code, message, remedy }], notes: [...unseen, BOTH_VALID], resumed };
  }
}

const INSTALL = "Run `gerrit-mirror webhook install`.";
const INSTALL_URL = "Run `gerrit-mirror webhook install --url` with the receiver's address as Gerrit reaches it.";
const READ_BACK =
  'See `allowedUrlPattern` in gerrit.config, section [plugin "webhooks"], and the project\'s webhooks.config.';
const BOTH_VALID = "The old and the new secret are both valid; run `gerrit-mirror webhook rotate` again to go on.";

async function readAgain(setup: WebhookSetup): Promise<WebhookState> {
  const state = await readWebhook(setup);
  if (state !== undefined) return state;
  throw new MirrorError("not-found", `${setup.gerrit.url} no longer has the webhooks plugin's REST API.`, {
    remedy: "Look whether the plugin is still loaded.",
  });
}

function settingsOf(remote: Remote): Verdict {
  const { failures, notes } = differencesOf(remote);
  const problems = failures.map(({ field, written, read, remedy }) => ({
    field,
    message: `${field}: expected ${written}, Gerrit has ${read}.`,
    remedy,
  }));
  return { problems, notes };
}

function missing(message: string): Problem {
  return { field: "remote", message, remedy: INSTALL };
}

function refusedProbe(): Problem {
  return {
    field: "receiver",
    message: "The receiver refuses posts with this secret.",
    remedy: "Is the secrets file (or --secrets) the one that the service reads? Copy the secret there.",
  };
}

function changedOthers(before: Map<string, Remote>, after: Map<string, Remote>): Problem[] {
  const text = (remote: Remote | undefined) => JSON.stringify([remote?.url.expose(), remote?.events, remote?.settings]);
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => text(before.get(name)) !== text(after.get(name)),
  );
  return changed.map((name) => ({
    field: "others",
    message: `The remote "${name}", which was not written, changed meanwhile.`,
    remedy: "Look who else edits webhooks.config (git log refs/meta/config).",
  }));
}

function isSame(one: Secret, other: Secret): boolean {
  return one.expose() === other.expose();
}
