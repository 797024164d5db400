// A repository's name as Gerrit knows it, and a mirror's name as the configuration knows it.
import { createHash } from "node:crypto";
import { MirrorError } from "../errors.ts";

declare const brand: unique symbol;
export type RepositoryName = string & { readonly [brand]: "RepositoryName" };
export type MirrorName = string & { readonly [brand]: "MirrorName" };

/** Longest name in UTF-16 units; Gerrit's own limit is the file system's path length. */
const NAME_MAX = 1024;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule itself forbids control characters
const FORBIDDEN = /[\x00-\x1f\x7f\\?]|(?:^|\/)\.{1,2}(?:\/|$)|\/\/|^\/|\/$/;

/** Whether a text can be a Gerrit project's name: no empty, `.` or `..` segment, no control character, no `\` or `?`. */
export function isRepositoryName(text: string): text is RepositoryName {
  return text.length > 0 && text.length <= NAME_MAX && !FORBIDDEN.test(text) && text.isWellFormed();
}

/** Throws `usage`. */
export function parseRepositoryName(text: string): RepositoryName {
  if (isRepositoryName(text)) return text;
  throw new MirrorError("usage", `${JSON.stringify(text.slice(0, 200))} is no repository name.`);
}

const MIRROR = /^[a-z][a-z0-9-]{0,39}$/;

/** A lane's name also names AWS resources: lower-case letters, digits and dashes, at most 40. */
export function isMirrorName(text: string): text is MirrorName {
  return MIRROR.test(text);
}

/** SQS allows 128 ASCII characters and no space in a message group id, so a repository's group is a hash of its name. */
export function messageGroup(repository: RepositoryName): string {
  return createHash("sha256").update(repository, "utf8").digest("hex");
}

/** Jobs that look again a few seconds later: in a group of their own they lock nothing while they wait. */
export function secondLookGroup(repository: RepositoryName): string {
  return `${messageGroup(repository)}-again`;
}
