// Which refs are managed, and with which prefixes a server is asked for them. Patterns of refs match the wire's bytes.
import { type Pattern, parsePattern } from "../model/pattern.ts";

/** Branches and tags (design rule 8). */
export const DEFAULT_REF_PATTERNS: readonly Pattern[] = ["refs/heads/*", "refs/tags/*"].map(parsePattern);

export function managesRef(patterns: readonly Pattern[], name: string): boolean {
  return patterns.some((pattern) => pattern.matches(name));
}

/** The shortest list of prefixes below which every managed ref lies, none of them within another. */
export function managedPrefixes(patterns: readonly Pattern[]): string[] {
  const prefixes = patterns.map(({ prefix }) => (prefix.startsWith("refs/") ? prefix : "refs/"));
  const distinct = [...new Set(prefixes)];
  return distinct.filter((prefix) => !distinct.some((other) => other !== prefix && prefix.startsWith(other)));
}
