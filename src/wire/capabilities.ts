// Capability lists: protocol v2's advertisement (gitprotocol-v2) and the words after NUL of v0/v1 (gitprotocol-capabilities).
import { MirrorError } from "../errors.ts";

/** Name -> value; "" for a capability without a value. */
export type Capabilities = ReadonlyMap<string, string>;

/** A v2 server has about ten; the bound is a backstop against one that sends lines for ever. */
export const CAPABILITIES_MAX = 200;

export function parseCapability(line: string): [name: string, value: string] {
  const equals = line.indexOf("=");
  return equals === -1 ? [line, ""] : [line.slice(0, equals), line.slice(equals + 1)];
}

/** The space-separated words behind the NUL of a first v0/v1 line. */
export function parseCapabilityWords(text: string): Capabilities {
  const words = text.split(" ").filter((word) => word !== "");
  if (words.length > CAPABILITIES_MAX) throw tooMany(words.length);
  return new Map(words.map(parseCapability));
}

export function formatCapability([name, value]: readonly [string, string]): string {
  return value === "" ? name : `${name}=${value}`;
}

export function formatCapabilityWords(capabilities: Capabilities): string {
  return [...capabilities].map(formatCapability).join(" ");
}

/** Throws `unsupported` for repositories of another object format than SHA-1. */
export function checkObjectFormat(capabilities: Capabilities): void {
  const format = capabilities.get("object-format");
  if (format !== undefined && format !== "sha1" && format !== "") {
    throw new MirrorError("unsupported", `The repository's object format is ${format}; only sha1 can be mirrored.`);
  }
}

export function tooMany(count: number): MirrorError {
  return new MirrorError(
    "malformed-answer",
    `The server advertised ${count} capabilities; at most ${CAPABILITIES_MAX} are read.`,
  );
}
