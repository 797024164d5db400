// What the fields of the configuration must be to each other. Reads the file as it is, so that it can speak beside the shape's faults.
import { isExactPattern, isPlainHttpElsewhere, NAME_PLACEHOLDER } from "./config-fields.ts";
import type { Problem } from "./config-problems.ts";
import { isMirrorName } from "./model/repository.ts";

export function checkRules(file: unknown): Problem[] {
  const { source, webhook, mirrors, repositories } = fieldsOf(file);
  const named = Object.entries(fieldsOf(mirrors));
  return [
    ...transportProblems(["source"], source),
    ...webhookProblems(webhook),
    ...(named.length === 0 && isObject(mirrors)
      ? [{ path: ["mirrors"], value: mirrors, expected: "at least one mirror" }]
      : []),
    ...named.flatMap(([name, mirror]) => [
      ...nameProblems(name),
      ...transportProblems(["mirrors", name], mirror),
      ...placeholderProblems(name, mirror, repositories),
    ]),
  ];
}

function nameProblems(name: string): Problem[] {
  const expected = "a mirror's name: lower-case letters, digits and dashes, a letter first, at most 40";
  return isMirrorName(name) ? [] : [{ path: ["mirrors", name], value: name, expected }];
}

function transportProblems(path: PropertyKey[], side: unknown): Problem[] {
  const { url, insecure } = fieldsOf(side);
  if (typeof url !== "string" || insecure === true || !isPlainHttpElsewhere(url)) return [];
  return [{ path: [...path, "url"], value: url, expected: 'an https:// URL (or "insecure": true beside it)' }];
}

function webhookProblems(webhook: unknown): Problem[] {
  const { secret, signingSecret } = fieldsOf(webhook);
  if (secret === undefined || secret !== signingSecret) return [];
  const expected = "another secret than webhook.secret, which others may read in the URL";
  return [{ path: ["webhook", "signingSecret"], value: signingSecret, expected }];
}

function placeholderProblems(name: string, mirror: unknown, allRepositories: unknown): Problem[] {
  const { url, repositories = allRepositories } = fieldsOf(mirror);
  if (typeof url !== "string" || url.includes(NAME_PLACEHOLDER)) return [];
  const only: unknown = Array.isArray(repositories) && repositories.length === 1 ? repositories[0] : undefined;
  if (typeof only === "string" && isExactPattern(only)) return [];
  const expected = `a URL with ${NAME_PLACEHOLDER} in its path, where the repository's name goes`;
  return [{ path: ["mirrors", name, "url"], value: url, expected }];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}
