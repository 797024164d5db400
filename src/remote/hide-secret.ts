// Takes a request's own credential out of what a server answered: error pages like to show the headers they were sent.
import type { Secret } from "../model/secret.ts";

/** Shorter parts would take common words out of every message. */
const PART_CHARACTERS_MIN = 4;

/** `authorization`: an Authorization header's value. Hides it, its encoded part and, of Basic, the password. */
export function hideSecret(text: string, authorization: Secret): string {
  const value = authorization.expose();
  const encoded = value.slice(value.indexOf(" ") + 1);
  const pair = value.startsWith("Basic ") ? Buffer.from(encoded, "base64").toString("utf8") : "";
  const parts = [value, encoded, pair, pair.slice(pair.indexOf(":") + 1)];
  return parts
    .filter((part) => part.length >= PART_CHARACTERS_MIN)
    .reduce((hidden, part) => hidden.replaceAll(part, "[secret]"), text);
}
