// Credentials: which texts are one, and the header that each host wants.
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MirrorError } from "../../src/errors.ts";
import { authorizationHeader, parseGitCredential } from "../../src/host/credentials.ts";
import { HOST_NAMES, type HostName } from "../../src/host/hosts.ts";
import { Secret } from "../../src/model/secret.ts";

const parse = (value: unknown) => parseGitCredential("site/github", new Secret(JSON.stringify(value)));
const header = (host: HostName, value: unknown) => authorizationHeader(host, parse(value)).expose();
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

const JWT = "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln";

describe("a bare token goes out as", () => {
  test.each([
    ["github", basic("x-access-token:t0k")],
    ["gitlab", basic("oauth2:t0k")],
    ["bitbucket-cloud", basic("x-token-auth:t0k")],
    ["bitbucket-data-center", "Bearer t0k"],
    ["gitea", basic("oauth2:t0k")],
    ["azure-devops", basic("token:t0k")],
    ["git", "Bearer t0k"],
  ] as [HostName, string][])("%s wants it: %s", (host, expected) => {
    expect(header(host, { token: "t0k" })).toBe(expected);
  });

  test("Bearer to Azure DevOps when it is an Entra token, and Basic to GitHub all the same", () => {
    expect(header("azure-devops", { token: JWT })).toBe(`Bearer ${JWT}`);
    expect(header("github", { token: JWT })).toBe(basic(`x-access-token:${JWT}`));
  });

  test("nothing to CodeCommit, which is told to the person", () => {
    expect(() => header("codecommit", { token: "t0k" })).toThrow('"codecommit" takes no {"token"}');
  });
});

test("a user name and password go out as Basic to every host, in UTF-8", () => {
  fc.assert(
    fc.property(fc.constantFrom(...HOST_NAMES), fc.string({ unit: "grapheme", minLength: 1 }), (host, text) => {
      const clean = text.replace(/\p{Cc}/gu, "x");
      const username = clean.replaceAll(":", "_");
      const sent = header(host, { username, password: clean });
      expect(Buffer.from(sent.slice("Basic ".length), "base64").toString()).toBe(`${username}:${clean}`);
    }),
  );
});

describe("a secret is refused", () => {
  const P = "HUNTER2HUNTER2";
  test.each([
    ["as no JSON", P],
    ["as no JSON object", JSON.stringify(P)],
    ["as a list", JSON.stringify([P])],
    ["as null", "null"],
    ["without a key", "{}"],
    ["with the token as key", JSON.stringify({ [P]: "" })],
    ["with an unknown key", JSON.stringify({ token: P, user: "x" })],
    ["with both forms", JSON.stringify({ token: P, username: "x", password: P })],
    ["without a username", JSON.stringify({ password: P })],
    ["without a password", JSON.stringify({ username: P })],
    ["with an empty token", JSON.stringify({ token: "" })],
    ["with a token that is no text", JSON.stringify({ token: [P] })],
    ["with a line end in the token", JSON.stringify({ token: `${P}\n` })],
    ["with a space in the token", JSON.stringify({ token: `Bearer ${P}` })],
    ["with a letter outside of ASCII in the token", JSON.stringify({ token: `${P}é` })],
    ["with a colon in the username", JSON.stringify({ username: `${P}:x`, password: P })],
    ["with a line end in the username", JSON.stringify({ username: `${P}\r\nx-evil: 1`, password: P })],
    ["with a line end in the password", JSON.stringify({ username: "x", password: `${P}\n` })],
    ["with an empty password", JSON.stringify({ username: P, password: "" })],
  ])("%s, by its name and without its text", (_, text) => {
    const error = refusal(text);
    expect(error.code).toBe("invalid-secret");
    expect(error.message).toContain('"site/github"');
    expect(inspect(error, { depth: 9 })).not.toContain(P);
  });
});

test("a credential prints as [secret]", () => {
  const credential = parse({ username: "me", password: "HUNTER2" });
  expect(inspect(credential) + JSON.stringify(credential)).not.toContain("HUNTER2");
  expect(String(authorizationHeader("git", credential))).toBe("[secret]");
});

function refusal(text: string): MirrorError {
  try {
    parseGitCredential("site/github", new Secret(text));
  } catch (error) {
    if (error instanceof MirrorError) return error;
    throw error;
  }
  throw new Error("the secret was accepted");
}
