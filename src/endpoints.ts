// The two ends of one repository as the configuration names them: URL and credential of each side.
import { type Config, type MirrorConfig, mirrorUrl, sourceUrl } from "./config.ts";
import { authorizationHeader, parseGitCredential } from "./host/credentials.ts";
import type { HostName } from "./host/hosts.ts";
import type { RepositoryName } from "./model/repository.ts";
import type { Secret } from "./model/secret.ts";
import type { Secrets } from "./ports.ts";
import type { Endpoint } from "./remote/smart-http.ts";

export function sourceEndpoint(config: Config, repository: RepositoryName, secrets: Secrets): Endpoint {
  const { secret } = config.source;
  const url = sourceUrl(config, repository, { authenticated: secret !== undefined });
  return { side: "source", url, ...authorizationOf("git", secret, secrets) };
}

/** Throws `invalid-configuration` where the name mapping leaves no usable name. */
export function mirrorEndpoint(mirror: MirrorConfig, repository: RepositoryName, secrets: Secrets): Endpoint {
  return {
    side: "mirror",
    url: mirrorUrl(mirror, repository),
    ...authorizationOf(mirror.host, mirror.secret, secrets),
  };
}

/** Gerrit's REST API takes the same credential as its Git side. */
export async function sourceAuthorization(
  config: Config,
  secrets: Secrets,
  options: { fresh: boolean },
): Promise<Secret | undefined> {
  return authorizationOf("git", config.source.secret, secrets).authorization?.(options);
}

function authorizationOf(host: HostName, name: string | undefined, secrets: Secrets): Pick<Endpoint, "authorization"> {
  if (name === undefined) return {};
  const authorization = async (options: { fresh: boolean }): Promise<Secret | undefined> => {
    const [current] = await secrets.read(name, options);
    return current === undefined ? undefined : authorizationHeader(host, parseGitCredential(name, current));
  };
  return { authorization };
}
