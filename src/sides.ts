// Opens the two sides of a repository as the configuration says, with what one process shares: features and request slots.
import type { Config, MirrorConfig } from "./config.ts";
import { mirrorEndpoint, sourceAuthorization, sourceEndpoint } from "./endpoints.ts";
import { listProjects } from "./gerrit/projects.ts";
import { makeLimit } from "./limit-requests.ts";
import type { RepositoryName } from "./model/repository.ts";
import type { HttpClient, HttpClients, Secrets } from "./ports.ts";
import type { Mirror } from "./remote/mirror.ts";
import { createRemoteMemory, openMirror, openSource } from "./remote/open.ts";
import type { Source } from "./remote/source.ts";

export type SidesPorts = { config: Config; secrets: Secrets; clients: HttpClients };

export type Sides = {
  openSource(repository: RepositoryName, signal: AbortSignal): Promise<Source>;
  openMirror(mirror: MirrorConfig, repository: RepositoryName, signal: AbortSignal): Promise<Mirror>;
  /** Gerrit's projects, a page at a time. */
  listProjects(): AsyncIterable<RepositoryName[]>;
};

/** One for each set of ports: worker and sweep of one process share it. */
const opened = new WeakMap<SidesPorts, Sides>();

export function sidesOf(ports: SidesPorts): Sides {
  const known = opened.get(ports) ?? makeSides(ports);
  opened.set(ports, known);
  return known;
}

function makeSides({ config, secrets, clients }: SidesPorts): Sides {
  const memory = createRemoteMemory();
  const limit = makeLimit(config.source.concurrency);
  const sourceHttp = async (): Promise<HttpClient> => limit(await clients.for(config.source.ca));
  return {
    openSource: async (repository, signal) =>
      openSource(await sourceHttp(), sourceEndpoint(config, repository, secrets), memory, signal),
    openMirror: async (mirror, repository, signal) =>
      openMirror(await clients.for(mirror.ca), mirrorEndpoint(mirror, repository, secrets), memory, signal),
    listProjects: async function* () {
      const authorization = await sourceAuthorization(config, secrets, { fresh: false });
      const options = { url: config.source.url, ...(authorization === undefined ? {} : { authorization }) };
      yield* listProjects(await sourceHttp(), options);
    },
  };
}
