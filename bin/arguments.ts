// A command's words to its flags and repositories, with a sentence for what does not fit.
import { type ParseArgsConfig, parseArgs } from "node:util";
import { MirrorError } from "../src/errors.ts";
import { isRepositoryName, type RepositoryName } from "../src/model/repository.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Flags that every command takes (design 6.1), so that a script can give them to all. */
export const COMMON_OPTIONS = {
  config: { type: "string", default: "mirror.config.json" },
  secrets: { type: "string" },
  local: { type: "string" },
  stack: { type: "string" },
  json: { type: "boolean", default: false },
  "retry-seconds": { type: "string", default: "30" },
} as const satisfies Options;

/** Flags that `mirror` and `plan` share. */
export const WORK_OPTIONS = {
  ...COMMON_OPTIONS,
  mirror: { type: "string", multiple: true },
  from: { type: "string" },
  to: { type: "string" },
  refs: { type: "string", multiple: true },
} as const satisfies Options;

/** Throws `usage`. */
export function parseWords<T extends Options>(words: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new MirrorError("usage", error instanceof Error ? error.message : String(error));
  }
}

/** Throws `usage` unless there is exactly one repository among the words. */
export function oneRepository(words: readonly string[]): RepositoryName {
  const [name, ...more] = words;
  if (name === undefined) throw new MirrorError("usage", "Name a repository, or give --from URL and --to URL.");
  if (more.length > 0)
    throw new MirrorError("usage", `One repository at a time: "${name}" and "${more.join('", "')}" were given.`);
  if (!isRepositoryName(name)) throw new MirrorError("usage", `"${name}" is no repository name.`);
  return name;
}

/** Throws `usage`. */
export function parseSeconds(text: string, flag: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new MirrorError("usage", `--${flag} takes whole seconds, not "${text}".`);
}
