// `gerrit-mirror webhook`: Gerrit's side, through the REST API of its webhooks plugin, or by a signing hook script.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { rotateSecret } from "../../src/adapters/rotate-secret.ts";
import { MirrorError } from "../../src/errors.ts";
import { displayWebhookUrl, webhookUrl } from "../../src/gerrit/webhook-url.ts";
import { webhookByHand } from "../../src/gerrit/webhooks-config.ts";
import { Secret } from "../../src/model/secret.ts";
import {
  checkWebhook,
  installWebhook,
  isInstalled,
  readWebhook,
  removeWebhook,
  rotateWebhook,
  type Verdict,
  type WebhookState,
} from "../../src/webhook-setup.ts";
import { parseWords } from "../arguments.ts";
import { confirm, processTerminal } from "../confirm.ts";
import { type Environment, EXIT_EQUAL, EXIT_NOT_EQUAL, EXIT_USAGE } from "../exit-codes.ts";
import { checkHookFolder, HOOK, SETTINGS_FILE, writeHookFiles } from "../hook-files.ts";
import { READABLE, renderByHand, renderChange, renderVerdict, showPlanned, showRemote } from "../render-webhook.ts";
import {
  findBase,
  knownBase,
  openSigning,
  openWebhook,
  WEBHOOK_OPTIONS,
  type WebhookContext,
  type WebhookFlags,
} from "../webhook-setup.ts";

export const help = `gerrit-mirror webhook install [--url URL] [--project NAME] [--yes]
gerrit-mirror webhook check | remove | rotate
gerrit-mirror webhook install --hooks DIR [--url URL]

  install   makes Gerrit post ref updates to the receiver; other remotes stay as they are
  check     whether the remote is there, its values are right and its secret is a valid one; each failure with its remedy
  remove    takes the remote away
  rotate    makes a new secret: first the receiver takes both, then Gerrit posts with the new one. Cut off, it goes on when
            called again. Projects with a remote of their own: rotate each (--project) before the next new secret

  --url URL        the receiver's address as Gerrit reaches it, without /webhook, as https://mirror.example.com
                   (default: where the remote leads, or the running service of the configuration file's folder)
  --project NAME   where the remote is written; default All-Projects, which every project inherits
  --name NAME      the remote's name; default gerrit-mirror
  --hooks DIR      instead of the webhook: a hook script that signs its posts, and its settings, into Gerrit's folder hooks
                   (signs with webhook.signingSecret; needs sh, curl and openssl there)
  --yes            write without asking. Without a terminal nothing is written unless --yes is given: what would be written
                   is printed, and the exit code is 2
  --config FILE    default mirror.config.json
  --secrets FILE   the secrets as JSON (mode 0600); without it AWS Secrets Manager is read
  --json           one JSON document on stdout

The account is that of source.secret, or GERRIT_MIRROR_ADMIN_AUTH as "user:password"; for writing it must be an
administrator, for a single project also its owner. What was written is read back. Exit codes: 0 right, 1 not right (also
when Gerrit lacks the plugin's REST API: then the file to push and the commands are printed), 2 wrong usage, or nothing
written for want of --yes.

${READABLE}
`;

const ACTIONS = ["install", "check", "remove", "rotate"] as const;
type Action = (typeof ACTIONS)[number];

export async function run(words: string[], env: Environment): Promise<number> {
  const { values: flags, positionals } = parseWords(words, WEBHOOK_OPTIONS);
  const action = ACTIONS.find((known) => known === positionals[0]);
  if (action === undefined || positionals.length > 1) {
    throw new MirrorError("usage", `Expected one of ${ACTIONS.join(", ")}, not "${positionals.join(" ")}".`);
  }
  if (flags.hooks !== undefined) return installHook(action, flags.hooks, flags);
  const context = await openWebhook(flags, env);
  try {
    const state = await readWebhook(context.setup);
    if (state === undefined) return await explainByHand(action, flags, context);
    return await DO[action]({ flags, context, state });
  } finally {
    context.close();
  }
}

type Call = { flags: WebhookFlags; context: WebhookContext; state: WebhookState };

const DO: Readonly<Record<Action, (call: Call) => Promise<number>>> = { install, check, remove, rotate };

async function install({ flags, context, state }: Call): Promise<number> {
  const { setup, valid } = context;
  const url = webhookUrl(await findBase(flags, state), currentOf(context, valid));
  const document = { ...documentOf("install", { flags, context, state }), after: showPlanned(url) };
  if (isInstalled(state, url)) {
    return report(flags, document, "Gerrit's webhook is right already; nothing was written.", false, NOTHING);
  }
  if (!flags.json) process.stdout.write(renderChange(setup, state, url));
  const stop = await ask(flags, document, "Write this to Gerrit?");
  if (stop !== undefined) return stop;
  const verdict = await installWebhook(setup, state, url);
  return report(flags, document, "Written, and read back: Gerrit's webhook is right.", true, verdict);
}

async function check({ flags, context, state }: Call): Promise<number> {
  const base = await knownBase(flags, state);
  const expected = { valid: context.valid, ...(base === undefined ? {} : { base }) };
  const verdict = await checkWebhook(state, expected, context.probe);
  const done = `Gerrit's webhook is right: ${state.ours === undefined ? "" : displayWebhookUrl(state.ours.url)}`;
  return report(flags, documentOf("check", { flags, context, state }), done, false, verdict);
}

async function remove({ flags, context, state }: Call): Promise<number> {
  const document = documentOf("remove", { flags, context, state });
  if (state.ours !== undefined) {
    if (!flags.json) {
      const { name, project } = context.setup;
      const others = [...state.others.keys()].join(", ") || "none";
      const where = displayWebhookUrl(state.ours.url);
      process.stdout.write(`remote "${name}" of ${project} (${where}) will be removed; other remotes: ${others}\n`);
    }
    const stop = await ask(flags, document, "Remove it?");
    if (stop !== undefined) return stop;
  }
  const verdict = await removeWebhook(context.setup, state);
  return report(flags, document, "Gerrit has no such remote now.", state.ours !== undefined, verdict);
}

async function rotate({ flags, context, state }: Call): Promise<number> {
  const { setup, secretName, valid, probe } = context;
  const document = documentOf("rotate", { flags, context, state });
  if (!flags.json) {
    const place = flags.secrets ?? "AWS Secrets Manager";
    process.stdout.write(
      `The secret "${secretName}" in ${place} gets a new value, the present one stays valid; then remote "${setup.name}" of ${setup.project} is written.\n`,
    );
  }
  const stop = await ask(flags, document, "Rotate it?");
  if (stop !== undefined) return stop;
  const { resumed, ...verdict } = await rotateWebhook(setup, state, {
    valid,
    probe,
    ...(flags.url === undefined ? {} : { base: await findBase(flags, state) }),
    make: () => new Secret(randomBytes(32).toString("hex")),
    store: (next) => rotateSecret(flags.secrets, secretName, next),
  });
  const done = resumed
    ? "Gerrit still posted with the previous secret: the rotation that was begun has ended. No new secret was made."
    : "Gerrit posts with the new secret; the old one stays valid until the next rotation (24 hours on AWS).";
  return report(flags, { ...document, resumed }, done, true, verdict);
}

/** Without Gerrit: the folder may be on another machine than this. */
async function installHook(action: Action, folder: string, flags: WebhookFlags): Promise<number> {
  if (action !== "install")
    throw new MirrorError("usage", "--hooks goes with install only; delete the files to remove the hook.");
  const { url, secret } = await openSigning(flags);
  await checkHookFolder(folder);
  const files = [join(folder, HOOK), join(folder, SETTINGS_FILE)];
  const document = { action, files, url };
  if (!flags.json) process.stdout.write(`${files.join("\n")}\nposts to ${url}, signed with webhook.signingSecret\n`);
  const stop = await ask(flags, document, "Write these files?");
  if (stop !== undefined) return stop;
  await writeHookFiles(folder, { url, secret });
  return report(flags, document, "Written. Gerrit calls the hook from the next ref update on.", true, NOTHING);
}

async function explainByHand(action: Action, flags: WebhookFlags, context: WebhookContext): Promise<number> {
  const { setup, secretName } = context;
  const base = (await knownBase(flags, undefined)) ?? "https://mirror.example.com";
  const byHand = webhookByHand(setup.gerrit.url, setup, base);
  const message = `${setup.gerrit.url} has no REST API of the webhooks plugin.`;
  if (flags.json)
    print({ action, project: setup.project, remote: setup.name, written: false, byHand, error: { message } });
  else process.stdout.write(renderByHand(setup.gerrit.url, setup, secretName, byHand));
  return EXIT_NOT_EQUAL;
}

const NOTHING: Verdict = { problems: [], notes: [] };

function currentOf({ secretName }: WebhookContext, [current]: readonly Secret[]): Secret {
  if (current !== undefined) return current;
  throw new MirrorError("invalid-secret", `The secret "${secretName}" has no value.`);
}

function documentOf(action: Action, { context, state }: Call): Record<string, unknown> {
  const { project, name } = context.setup;
  const before = state.ours === undefined ? null : showRemote(state.ours);
  return { action, project, remote: name, before, others: [...state.others.keys()] };
}

/** The exit code when nothing may be written. */
async function ask(flags: WebhookFlags, document: object, question: string): Promise<number | undefined> {
  const answer = await confirm(question, flags, processTerminal(flags));
  if (answer === "yes") return undefined;
  if (flags.json)
    print({ ...document, written: false, problems: [], notes: ["Nothing was written: --yes was not given."] });
  process.stderr.write(answer === "no" ? "Nothing was written.\n" : "Nothing was written: give --yes to write it.\n");
  return answer === "no" ? EXIT_NOT_EQUAL : EXIT_USAGE;
}

function report(flags: WebhookFlags, document: object, done: string, written: boolean, verdict: Verdict): number {
  if (flags.json) print({ ...document, written, ...verdict });
  else process.stdout.write(renderVerdict(done, verdict));
  return verdict.problems.length === 0 ? EXIT_EQUAL : EXIT_NOT_EQUAL;
}

function print(document: object): void {
  process.stdout.write(`${JSON.stringify(document)}\n`);
}
