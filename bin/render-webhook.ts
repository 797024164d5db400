// What `gerrit-mirror webhook` prints: what will be written, what was found, and what to do; never a secret.
import { displayWebhookUrl, isLoopback, partsOfWebhookUrl } from "../src/gerrit/webhook-url.ts";
import type { ByHand } from "../src/gerrit/webhooks-config.ts";
import { EVENTS, type Remote, type RemoteId, SETTINGS } from "../src/gerrit/webhooks-plugin.ts";
import type { Secret } from "../src/model/secret.ts";
import type { Verdict, WebhookState } from "../src/webhook-setup.ts";
import { printable } from "./format.ts";

export const READABLE =
  "The URL can be read by other users of Gerrit, also without signing in: its secret keeps noise out and proves nothing.";

type Shown = Readonly<Record<string, string>>;

/** A remote's fields for people and JSON. */
export function showRemote(remote: Remote): Shown {
  const settings = Object.entries(remote.settings).map(([field, value]) => [field, String(value)] as const);
  return { url: displayWebhookUrl(remote.url), events: remote.events.join(", "), ...Object.fromEntries(settings) };
}

/** What a write will leave there. */
export function showPlanned(url: Secret): Shown {
  return showRemote({ url, events: EVENTS, settings: SETTINGS });
}

/** Before and after, field by field, and what the administrator should know before saying yes. */
export function renderChange(id: RemoteId, state: WebhookState, url: Secret): string {
  const before = state.ours === undefined ? undefined : showRemote(state.ours);
  const lines = [`remote "${id.name}" of ${id.project}${before === undefined ? " (new)" : ""}:`];
  for (const [field, after] of Object.entries(showPlanned(url))) {
    const was = before?.[field];
    const isOther = field === "url" && was === after && state.ours?.url.expose() !== url.expose();
    const change = isOther
      ? `${after}   (another secret)`
      : was === undefined || was === after
        ? after
        : `${was} -> ${after}`;
    lines.push(`  ${field.padEnd(18)} ${change}`);
  }
  if (state.others.size > 0) lines.push(`Other remotes stay as they are: ${[...state.others.keys()].join(", ")}.`);
  return `${[...lines, ...warningsOf(url), READABLE].map(printable).join("\n")}\n`;
}

export function warningsOf(url: Secret): string[] {
  const base = partsOfWebhookUrl(url)?.base;
  if (base === undefined) return [];
  if (isLoopback(base)) return ["This address is reached only by a Gerrit on this machine; else give --url."];
  return base.startsWith("http:") ? ["Plain HTTP: whoever is on the way can read the secret."] : [];
}

/** `done` is the sentence for a verdict without problems. */
export function renderVerdict(done: string, { problems, notes }: Verdict): string {
  const found = problems.flatMap(({ message, remedy }) => [`problem: ${message}`, `  what to do: ${remedy}`]);
  const lines = [...(problems.length === 0 ? [done] : found), ...notes.map((note) => `note: ${note}`)];
  return `${lines.map(printable).join("\n")}\n`;
}

export function renderByHand(gerritUrl: string, { project }: RemoteId, secretName: string, byHand: ByHand): string {
  return [
    `${gerritUrl} has no REST API of the webhooks plugin: the plugin is not there, or a proxy hides its address.`,
    "With the core plugin `webhooks` installed, put this section into the file webhooks.config on refs/meta/config of",
    `${project}, with the text of the secret "${secretName}" in the place of SECRET:`,
    "",
    byHand.file,
    ...byHand.commands.map((command) => `    ${command}`),
    "",
    READABLE,
    "",
  ].join("\n");
}
