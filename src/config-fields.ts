// What a single text of the configuration may be; each judge answers with what was expected, or with nothing if all is well.
import { isIP } from "node:net";
import { type Pattern, parsePattern } from "./model/pattern.ts";
import { isRefName, refBytes } from "./model/ref.ts";
import { isRepositoryName } from "./model/repository.ts";

export type Judge = (text: string) => string | undefined;

/** The only placeholder of a mirror's URL. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is written like this in the file
export const NAME_PLACEHOLDER = "${name}";

export const EXPECTED = {
  sourceUrl: "an https:// URL such as https://gerrit.example.com",
  mirrorUrl: `an https:// URL such as https://github.com/acme/${NAME_PLACEHOLDER}.git`,
  secretName: "the name of a secret (letters, digits and /_+=.@:-), not the secret itself",
  pattern: "an exact repository name, a prefix ending in * or a regular expression beginning with ^",
  refPattern:
    "a full ref name (refs/heads/main), a prefix (refs/heads/*) or a regular expression beginning with ^refs/",
  sourceAddress: "an IP address or a block such as 10.0.0.0/8",
} as const;

export function judgeSourceUrl(text: string): string | undefined {
  if (text.includes("${")) return "a URL without placeholders; the repository's name is appended to it";
  const general = judgeUrl(text, EXPECTED.sourceUrl);
  if (general !== undefined) return general;
  return /\/a\/*$/.test(text) ? "Gerrit's URL without /a, which is added where there is a credential" : undefined;
}

export function judgeMirrorUrl(text: string): string | undefined {
  const filled = text.replaceAll(NAME_PLACEHOLDER, "name");
  if (filled.includes("${")) return `a URL whose only placeholder is ${NAME_PLACEHOLDER}`;
  if (/^[^/]*\/\/[^/]*\$\{/.test(text)) return `a URL with ${NAME_PLACEHOLDER} in its path`;
  return judgeUrl(filled, EXPECTED.mirrorUrl);
}

/** Plain http goes to the same machine only, unless the side is marked as insecure. */
export function isPlainHttpElsewhere(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === "http:" && !/^(?:localhost|127\.[0-9.]+|\[::1\])$/.test(url.hostname);
}

/** AWS Secrets Manager's letters, with the colon of an ARN. */
export function judgeSecretName(text: string): string | undefined {
  return /^[A-Za-z0-9/_+=.@:-]{1,512}$/.test(text) ? undefined : EXPECTED.secretName;
}

export function judgePattern(text: string): string | undefined {
  if (text.startsWith("^")) return judgeRegex(text, EXPECTED.pattern);
  // Gerrit has no project with these letters: a pattern with one means a wildcard that there is not.
  if (/[*?]/.test(text.slice(0, -1)) || text.endsWith("?")) return EXPECTED.pattern;
  return text.endsWith("*") || isRepositoryName(text) ? undefined : EXPECTED.pattern;
}

export function isExactPattern(text: string): boolean {
  return !text.startsWith("^") && !text.endsWith("*");
}

export function judgeRefPattern(text: string): string | undefined {
  if (text.startsWith("^")) {
    return text.startsWith("^refs/") ? judgeRegex(text, EXPECTED.refPattern) : EXPECTED.refPattern;
  }
  const name = text.endsWith("*") ? `${text.slice(0, -1)}x` : text;
  return isRefName(refBytes(name)) ? undefined : EXPECTED.refPattern;
}

/** Ref names are the wire's bytes, so the pattern's text becomes bytes before it is compiled. */
export function parseRefPattern(text: string): Pattern {
  return { ...parsePattern(refBytes(text)), text };
}

export function judgeSourceAddress(text: string): string | undefined {
  const [address = "", bits, ...rest] = text.split("/");
  const version = address.includes("%") ? 0 : isIP(address);
  if (version === 0 || rest.length > 0) return EXPECTED.sourceAddress;
  if (bits === undefined) return undefined;
  return /^[0-9]{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128) ? undefined : EXPECTED.sourceAddress;
}

export function judgeFilled(text: string): string | undefined {
  return text === "" ? "a text that is not empty" : undefined;
}

function judgeUrl(text: string, expected: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the URL parser drops or rewrites these silently
  if (!/^https?:\/\/[^/]/i.test(text) || /[\x00-\x20\x7f\\]/.test(text) || !URL.canParse(text)) return expected;
  if (/^[^/]*\/\/[^/?#]*@/.test(text)) return "a URL without user and password (they belong into the secret)";
  if (/[?#]/.test(text)) return "a URL without ? and #";
  return undefined;
}

function judgeRegex(text: string, expected: string): string | undefined {
  try {
    parsePattern(text);
    return undefined;
  } catch {
    return `${expected} (this one does not compile)`;
  }
}
