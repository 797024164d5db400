// The shape of the configuration file: checks each field, fills in defaults, and makes the JSON schema that editors use.
import * as z from "zod/mini";
import {
  EXPECTED,
  type Judge,
  judgeFilled,
  judgeMirrorUrl,
  judgePattern,
  judgeRefPattern,
  judgeSecretName,
  judgeSourceAddress,
  judgeSourceUrl,
  NAME_PLACEHOLDER,
} from "./config-fields.ts";
import { listOf, type Problem } from "./config-problems.ts";
import { HOST_NAMES } from "./host/hosts.ts";

/** What a repository's `/` may become. Two letters because `a/b-c` and `a-b/c` meet in one name with a single dash. */
export const SLASHES = ["/", "-", "_", ".", "--", "__"] as const;

export const VISIBILITIES = ["private", "public", "internal"] as const;

/** The file after its shape was checked and its defaults were filled in. */
export type ConfigShape = z.output<typeof configSchema>;

/** All faults of single fields; `shape` only where there are none. */
export function checkShape(value: unknown): { shape: ConfigShape; problems: [] } | { problems: Problem[] } {
  const result = configSchema.safeParse(value, { reportInput: true });
  if (result.success) return { shape: result.data, problems: [] };
  return { problems: result.error.issues.flatMap(problemsOf) };
}

/** What `mirror.config.schema.json` holds. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: "input", target: "draft-07", metadata: notes });
}

const notes = z.registry<{ description?: string; title?: string; pattern?: string; minProperties?: number }>();

function described<T extends z.core.$ZodType>(description: string, schema: T): T {
  notes.add(schema, { description });
  return schema;
}

/** Unknown keys are refused; the message of that issue is the list of the known ones, since an issue carries no other extra. */
function object<T extends z.core.$ZodLooseShape>(shape: T) {
  const known = Object.keys(shape).join(" ");
  return z.strictObject(shape, { error: (issue) => (issue.code === "unrecognized_keys" ? known : "an object {...}") });
}

function text(expected: string, judge: Judge) {
  return z.string({ error: expected }).check(
    z.check<string>((context) => {
      const wrong = judge(context.value);
      if (wrong === undefined) return;
      context.issues.push({ code: "custom", input: context.value, message: wrong, path: [] });
    }),
  );
}

function integer(min: number, max: number, fallback: number) {
  const error = `an integer from ${min} to ${max}`;
  return z._default(z.int({ error }).check(z.gte(min, { error }), z.lte(max, { error })), fallback);
}

function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, { error: `one of ${listOf(values)}` });
}

/** At least one. */
function patterns(expected: string, judge: Judge) {
  return z
    .array(text(expected, judge), { error: "a list of patterns" })
    .check(z.minLength(1, { error: "a list with at least one pattern" }));
}

const secretName = () => text(EXPECTED.secretName, judgeSecretName);
const repositories = () => patterns(EXPECTED.pattern, judgePattern);
const refs = () => patterns(EXPECTED.refPattern, judgeRefPattern);
const skip = () => z._default(z.array(text(EXPECTED.pattern, judgePattern), { error: "a list of patterns" }), () => []);

/** What both sides have. */
const side = () => ({
  secret: described(
    'Name of the entry in AWS Secrets Manager (or in the secrets file) that holds {"username", "password"} or {"token"}.',
    z.exactOptional(secretName()),
  ),
  insecure: described(
    "Accept plain http to an address that is not this machine: credentials and content are then readable on the way.",
    z._default(z.boolean({ error: "true or false" }), false),
  ),
  ca: described(
    "File or secret with the certificate of a private authority (PEM).",
    z.exactOptional(text("the name of a file or secret", judgeFilled)),
  ),
});

const source = object({
  url: described("Gerrit's URL, without /a.", text(EXPECTED.sourceUrl, judgeSourceUrl)),
  ...side(),
  concurrency: described("Reads from Gerrit at once, all mirrors together.", integer(1, 100, 8)),
});

const webhook = object({
  secret: described(
    'Name of the secret that stands in the webhook\'s URL: a plain text or {"secret"}.',
    z.exactOptional(secretName()),
  ),
  signingSecret: described(
    "Name of another secret, for senders that sign with X-Hub-Signature-256; alone it refuses secrets in the URL.",
    z.exactOptional(secretName()),
  ),
  sourceAddresses: described(
    "Addresses or blocks from which events are accepted; empty: from anywhere.",
    z._default(z.array(text(EXPECTED.sourceAddress, judgeSourceAddress), { error: "a list of addresses" }), () => []),
  ),
});

const percentError = "a number from 0 to 100";
const guard = object({
  deletionsMin: described("Fewer unannounced deletions than this always pass.", integer(0, 1_000_000, 3)),
  percent: described(
    "Held when more than this part of the managed refs would go.",
    z._default(
      z.number({ error: percentError }).check(z.gte(0, { error: percentError }), z.lte(100, { error: percentError })),
      20,
    ),
  ),
  deletionsMax: described("More unannounced deletions than this are always held.", integer(0, 1_000_000, 100)),
});

const mirror = object({
  host: described("What kind of server the mirror is on; git is any other.", oneOf(HOST_NAMES)),
  url: described(
    `The mirror's URL; ${NAME_PLACEHOLDER} stands for the repository's name there.`,
    text(EXPECTED.mirrorUrl, judgeMirrorUrl),
  ),
  name: described(
    "How the repository's name becomes its name on the mirror; two repositories may not meet in one name.",
    z._default(
      object({
        strip: described("Removed from the beginning.", z.exactOptional(text("a prefix", judgeFilled))),
        slash: described("What each / becomes; / keeps it.", z._default(oneOf(SLASHES), "/")),
      }),
      () => ({ slash: "/" as const }),
    ),
  ),
  ...side(),
  concurrency: described("Jobs of this mirror at once.", integer(2, 1000, 10)),
  repositories: described("In place of the top level's repositories.", z.exactOptional(repositories())),
  skip: described("Left out here, besides the top level's skip.", skip()),
  refs: described("In place of the top level's refs.", z.exactOptional(refs())),
  create: described(
    "Make repositories that the mirror lacks.",
    z.exactOptional(object({ visibility: described("Who may see them.", oneOf(VISIBILITIES)) })),
  ),
});

// Names are judged with the rules between fields: a wrong key here would keep its value from being judged.
const mirrorName = z.string();
notes.add(mirrorName, { pattern: "^[a-z][a-z0-9-]{0,39}$" });
const mirrors = z.record(mirrorName, mirror, { error: "an object {...} with one key for each mirror" });
notes.add(mirrors, { description: "The mirrors, each under its own name.", minProperties: 1 });

const configSchema = object({
  $schema: z.exactOptional(z.string({ error: "the path of the JSON schema" })),
  source: described("The Gerrit server.", source),
  webhook: described(
    "How Gerrit's events are let in; without a secret every event is refused.",
    z._default(webhook, () => ({ sourceAddresses: [] })),
  ),
  repositories: described("What is mirrored: exact names, prefix* or ^regex.", repositories()),
  skip: described("What is not, whatever repositories says.", skip()),
  refs: described(
    "The refs that are kept equal; all others are left alone.",
    z._default(refs(), () => ["refs/heads/*", "refs/tags/*"]),
  ),
  sweepMinutes: described("Time between two comparisons of everything.", integer(1, 1440, 10)),
  guard: described(
    "When deletions that no event announced are held for a person.",
    z._default(guard, () => ({ deletionsMin: 3, percent: 20, deletionsMax: 100 })),
  ),
  mirrors,
});
notes.add(configSchema, { title: "mirror.config.json", description: "Configuration of gerrit-mirror." });

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === "unrecognized_keys") {
    const allowed = issue.message.split(" ");
    return issue.keys.map((key) => ({ path: [...issue.path, key], value: undefined, expected: "", allowed }));
  }
  return [{ path: issue.path, value: issue.input, expected: issue.message }];
}
