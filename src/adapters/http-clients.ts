// The HttpClients of a process: one for each private certificate authority, so that connections are shared.
import { readFile } from "node:fs/promises";
import { MirrorError } from "../errors.ts";
import type { HttpClients, Secrets } from "../ports.ts";
import { createHttpClient } from "./node-http.ts";

export function createHttpClients(options: {
  proxyEnv: Readonly<Record<string, string | undefined>>;
  secrets: Secrets;
}): HttpClients {
  const clients = new Map<string | undefined, Promise<ReturnType<typeof createHttpClient>>>();
  const open = async (ca: string | undefined) => {
    const { proxyEnv, secrets } = options;
    return createHttpClient(ca === undefined ? { proxyEnv } : { proxyEnv, ca: await readAuthority(ca, secrets) });
  };
  return {
    for(ca) {
      const known = clients.get(ca) ?? open(ca);
      clients.set(ca, known);
      known.catch(() => clients.delete(ca));
      return known;
    },
    close() {
      for (const client of clients.values()) client.then(({ close }) => close()).catch(() => {});
    },
  };
}

async function readAuthority(ca: string, secrets: Secrets): Promise<string> {
  const text = /^\.{0,2}\/|\.(?:pem|crt)$/.test(ca)
    ? await readAuthorityFile(ca)
    : (await secrets.read(ca))[0]?.expose();
  if (text?.includes("-----BEGIN CERTIFICATE-----") === true) return text;
  throw new MirrorError(
    "invalid-configuration",
    `The certificate authority ${JSON.stringify(ca)} is no PEM text ("-----BEGIN CERTIFICATE-----").`,
  );
}

async function readAuthorityFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new MirrorError("invalid-configuration", `The certificate authority's file ${path} cannot be read.`, {
      cause: error,
    });
  }
}
