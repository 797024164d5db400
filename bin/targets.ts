// What `mirror` and `plan` work on: one target for each mirror, from two URLs or from the configuration.
import { createHttpClient } from "../src/adapters/node-http.ts";
import { MirrorError } from "../src/errors.ts";
import type { MirrorRequest } from "../src/mirror-run.ts";
import type { Pattern } from "../src/model/pattern.ts";
import { DEFAULT_GUARD } from "../src/plan/guard.ts";
import { DEFAULT_REF_PATTERNS } from "../src/plan/ref-patterns.ts";
import { createRemoteMemory, openMirror, openSource } from "../src/remote/open.ts";
import { oneRepository } from "./arguments.ts";
import type { Environment } from "./exit-codes.ts";
import { nameOfUrl, parseRemoteUrl } from "./remote-url.ts";

export type TargetFlags = {
  config: string;
  secrets?: string;
  mirror?: string[];
  from?: string;
  to?: string;
  refs?: string[];
  adopt?: boolean;
};

export type Target = {
  repository: string;
  mirror: string;
  /** Everything a run needs but its per-run flags; opened anew for each attempt, so that counts begin at zero. */
  open(): Omit<MirrorRequest, "allowDeletes">;
};

export type Targets = { targets: Target[]; close(): void };

/** Throws `usage` or `invalid-configuration`. */
export async function findTargets(words: readonly string[], flags: TargetFlags, env: Environment): Promise<Targets> {
  if (flags.from === undefined && flags.to === undefined) return configuredTargets(words, flags, env);
  if (flags.from === undefined || flags.to === undefined)
    throw new MirrorError("usage", "--from and --to go together.");
  if (words.length > 0 || flags.mirror !== undefined) {
    throw new MirrorError("usage", "With --from and --to there is no REPOSITORY and no --mirror.");
  }
  const source = parseRemoteUrl("source", "from", flags.from, env.GERRIT_MIRROR_FROM_AUTH);
  const mirror = parseRemoteUrl("mirror", "to", flags.to, env.GERRIT_MIRROR_TO_AUTH);
  const managed = flags.refs === undefined ? DEFAULT_REF_PATTERNS : await parseRefs(flags.refs);
  const http = createHttpClient({ proxyEnv: env });
  const memory = createRemoteMemory();
  const open = () => ({
    source: openSource(http, source, memory),
    mirror: openMirror(http, mirror, memory),
    ...runDefaults(managed),
    // Whoever writes both URLs has said which mirror is meant.
    refuseForeign: false,
  });
  return { targets: [{ repository: nameOfUrl(source.url), mirror: mirror.url, open }], close: () => http.close() };
}

async function configuredTargets(words: readonly string[], flags: TargetFlags, env: Environment): Promise<Targets> {
  if (flags.refs !== undefined)
    throw new MirrorError("usage", "--refs goes with --from and --to; a configuration has its own `refs`.");
  const repository = oneRepository(words);
  const { mirrorsOf } = await import("../src/config.ts");
  const { readConfigFile } = await import("../src/adapters/config-file.ts");
  const { openSecrets } = await import("../src/adapters/secrets.ts");
  const { mirrorEndpoint, sourceEndpoint } = await import("../src/endpoints.ts");
  const { commandsMaxOf } = await import("../src/host/hosts.ts");
  const { createHttpClients } = await import("../src/adapters/http-clients.ts");
  const config = await readConfigFile(flags.config);
  const secrets = await openSecrets(flags.secrets, Date.now);
  const known = config.mirrors.map(({ name }) => name as string);
  const unknown = flags.mirror?.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new MirrorError("usage", `There is no mirror "${unknown}"; there are ${known.join(", ")}.`);
  const chosen = mirrorsOf(config, repository).filter(({ name }) => flags.mirror?.includes(name) ?? true);
  if (chosen.length === 0)
    throw new MirrorError(
      "usage",
      `No mirror carries "${repository}" by this configuration (repositories, skip${flags.mirror === undefined ? "" : ", --mirror"}).`,
    );
  const clients = createHttpClients({ proxyEnv: env, secrets });
  const sourceHttp = await clients.for(config.source.ca);
  const memory = createRemoteMemory();
  const targets = await Promise.all(
    chosen.map(async (mirror): Promise<Target> => {
      const http = await clients.for(mirror.ca);
      const endpoint = mirrorEndpoint(mirror, repository, secrets);
      const open = () => ({
        source: openSource(sourceHttp, sourceEndpoint(config, repository, secrets), memory),
        mirror: openMirror(http, endpoint, memory),
        ...runDefaults(mirror.refs),
        limits: config.guard,
        ...commandsMaxOf(mirror.host),
        refuseForeign: flags.adopt !== true,
      });
      return { repository, mirror: mirror.name, open };
    }),
  );
  return { targets, close: () => clients.close() };
}

function runDefaults(managed: readonly Pattern[]) {
  return {
    managed,
    named: [],
    scope: "full" as const,
    limits: DEFAULT_GUARD,
    clock: Date.now,
    bytes: { fetched: 0, sent: 0 },
  };
}

async function parseRefs(texts: readonly string[]): Promise<Pattern[]> {
  const { judgeRefPattern, parseRefPattern } = await import("../src/config-fields.ts");
  return texts.map((text) => {
    const expected = judgeRefPattern(text);
    if (expected !== undefined)
      throw new MirrorError("usage", `--refs ${JSON.stringify(text)} is not allowed; expected ${expected}.`);
    return parseRefPattern(text);
  });
}
