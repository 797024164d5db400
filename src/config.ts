// The configuration file to a Config, or a message that says what to write instead; and the URLs that it gives to repositories.
import { isExactPattern, NAME_PLACEHOLDER, parseRefPattern } from "./config-fields.ts";
import { parseJsonText } from "./config-json.ts";
import { describeProblem } from "./config-problems.ts";
import { checkRules } from "./config-rules.ts";
import { type ConfigShape, checkShape, type SLASHES, type VISIBILITIES } from "./config-schema.ts";
import { MirrorError } from "./errors.ts";
import type { HostName } from "./host/hosts.ts";
import { type Pattern, parsePattern } from "./model/pattern.ts";
import { isRepositoryName, type MirrorName, type RepositoryName } from "./model/repository.ts";

/** `strip` is removed from the name's beginning, then each `/` becomes `slash`. */
export type Naming = { strip?: string; slash: (typeof SLASHES)[number] };

export type MirrorConfig = {
  name: MirrorName;
  host: HostName;
  /** Holds `${name}`, unless the mirror carries a single repository. */
  url: string;
  naming: Naming;
  secret?: string;
  insecure: boolean;
  ca?: string;
  concurrency: number;
  /** Empty: whatever the top level says. */
  repositories: Pattern[];
  skip: Pattern[];
  /** This mirror's, or the top level's. */
  refs: Pattern[];
  create?: { visibility: (typeof VISIBILITIES)[number] };
};

/** Design rule 7: held when at least `deletionsMin` and more than `percent` of the managed refs, or more than `deletionsMax`. */
export type GuardConfig = { deletionsMin: number; percent: number; deletionsMax: number };

export type Config = {
  /** `url` ends without a slash. */
  source: { url: string; secret?: string; insecure: boolean; ca?: string; concurrency: number };
  webhook: { secret?: string; signingSecret?: string; sourceAddresses: string[] };
  repositories: Pattern[];
  skip: Pattern[];
  refs: Pattern[];
  sweepMinutes: number;
  guard: GuardConfig;
  mirrors: MirrorConfig[];
};

/** Two or more repositories that would be written to one place; `mirror` is the first that does. */
export type Collision = { mirror: MirrorName; url: string; repositories: RepositoryName[] };

/** Throws `invalid-configuration` with one line for each fault: path, value (never a secret), what is allowed. */
export function parseConfig(text: string): Config {
  const file = parseJsonText(text);
  const checked = checkShape(file);
  const problems = [...checked.problems, ...checkRules(file)].map(describeProblem);
  if (!("shape" in checked) || problems.length > 0) throw invalid(problems);
  const config = configOf(checked.shape);
  const nameProblems = checkNames(config);
  if (nameProblems.length > 0) throw invalid(nameProblems);
  return config;
}

/** The mirrors that carry the repository. A mirror's `repositories` stand in place of the top level's; any `skip` wins. */
export function mirrorsOf(config: Config, repository: RepositoryName): MirrorConfig[] {
  const matches = (pattern: Pattern) => pattern.matches(repository);
  if (config.skip.some(matches)) return [];
  return config.mirrors.filter((mirror) => {
    const carried = mirror.repositories.length > 0 ? mirror.repositories : config.repositories;
    return carried.some(matches) && !mirror.skip.some(matches);
  });
}

/** Throws `invalid-configuration` where the name mapping leaves no usable name. */
export function mirrorUrl(mirror: MirrorConfig, repository: RepositoryName): string {
  const name = nameAt(mirror.naming, repository);
  if (isRepositoryName(name)) return fill(mirror.url, name);
  throw new MirrorError("invalid-configuration", describeUnusableName(mirror, repository));
}

/** Gerrit's URL of the repository: below `/a/` it asks for a credential, without that it serves anonymously. */
export function sourceUrl(config: Config, repository: RepositoryName, options: { authenticated: boolean }): string {
  return `${config.source.url}${options.authenticated ? "/a/" : "/"}${encodePath(repository)}`;
}

/** Most hosts take names that differ only by case for one, so URLs are compared in lower case, over all mirrors. */
export function findCollisions(config: Config, repositories: RepositoryName[]): Collision[] {
  const places = new Map<string, Collision>();
  for (const repository of new Set(repositories)) {
    for (const mirror of mirrorsOf(config, repository)) {
      const name = nameAt(mirror.naming, repository);
      if (!isRepositoryName(name)) continue;
      const place = fill(mirror.url, name.toLowerCase()).toLowerCase();
      const found = places.get(place) ?? { mirror: mirror.name, url: fill(mirror.url, name), repositories: [] };
      if (!found.repositories.includes(repository)) found.repositories.push(repository);
      places.set(place, found);
    }
  }
  return [...places.values()].filter((collision) => collision.repositories.length > 1);
}

function configOf(shape: ConfigShape): Config {
  const { source, webhook, sweepMinutes, guard } = shape;
  return {
    source: { ...source, url: source.url.replace(/\/+$/, "") },
    webhook,
    repositories: shape.repositories.map(parsePattern),
    skip: shape.skip.map(parsePattern),
    refs: shape.refs.map(parseRefPattern),
    sweepMinutes,
    guard,
    mirrors: Object.entries(shape.mirrors).map(([name, { name: naming, repositories, skip, refs, ...rest }]) => ({
      ...rest,
      name: name as MirrorName,
      naming,
      repositories: (repositories ?? []).map(parsePattern),
      skip: skip.map(parsePattern),
      refs: (refs ?? shape.refs).map(parseRefPattern),
    })),
  };
}

/** What the file itself already gives away: its exact repositories must have a name of their own on each mirror. */
function checkNames(config: Config): string[] {
  const patterns = [...config.repositories, ...config.mirrors.flatMap((mirror) => mirror.repositories)];
  const exact = patterns.map((pattern) => pattern.text).filter((text) => isExactPattern(text)) as RepositoryName[];
  const unusable = [...new Set(exact)].flatMap((repository) =>
    mirrorsOf(config, repository)
      .filter((mirror) => !isRepositoryName(nameAt(mirror.naming, repository)))
      .map((mirror) => describeUnusableName(mirror, repository)),
  );
  const collisions = findCollisions(config, exact).map(({ mirror, url, repositories }) => {
    const names = repositories.map((repository) => JSON.stringify(repository)).join(" and ");
    return `mirrors.${mirror}.name: ${names} both become ${url}; expected a mapping that keeps them apart`;
  });
  return [...unusable, ...collisions];
}

function nameAt({ strip = "", slash }: Naming, repository: RepositoryName): string {
  const rest = repository.startsWith(strip) ? repository.slice(strip.length) : repository;
  return rest.replaceAll("/", slash);
}

function describeUnusableName({ name, naming }: MirrorConfig, repository: RepositoryName): string {
  const left = JSON.stringify(nameAt(naming, repository));
  return `mirrors.${name}.name: ${JSON.stringify(repository)} becomes ${left}; expected a mapping that leaves it a name`;
}

function fill(url: string, name: string): string {
  return url.replaceAll(NAME_PLACEHOLDER, () => encodePath(name));
}

function encodePath(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

function invalid(problems: string[]): MirrorError {
  return new MirrorError("invalid-configuration", `The configuration is not valid:\n${problems.join("\n")}`);
}
