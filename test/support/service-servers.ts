// The Git servers around the service: one as Gerrit, with its list of projects, and one for each lane's mirror host.
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type FaultRule, injectFaults } from "./faults.ts";
import {
  type GitServer,
  type OnRequest,
  type RequestRecord,
  respond,
  type Service,
  startGitServer,
} from "./git-server.ts";

export type Side = {
  server: GitServer;
  /** Push faults here. */
  rules: FaultRule[];
  /** Asked before the faults, each in turn. */
  hooks: OnRequest[];
};

export type ServiceServers = {
  source: GitServer;
  mirrors: Map<string, GitServer>;
  /** `source`, or a lane's name. */
  side(name: string): Side;
  /** Folders. */
  sourceOf(name: string): string;
  mirrorOf(name: string, mirror: string): string;
  /** Requests of a service since the start or the last `forget`. */
  requests(side: string, service?: Service): RequestRecord[];
  forget(): void;
  close(): Promise<void>;
};

export async function startServers(folder: string, lanes: readonly string[]): Promise<ServiceServers> {
  const sides = new Map<string, Side>();
  for (const name of ["source", ...lanes]) {
    const root = join(folder, name);
    await mkdir(root, { recursive: true });
    const rules: FaultRule[] = [];
    const hooks: OnRequest[] = name === "source" ? [listProjects(root)] : [];
    const faults = injectFaults(rules);
    const onRequest: OnRequest = async (record, exchange) => {
      // Faults first: a source that is down lists no projects either.
      const fault = await faults(record, exchange);
      if (fault !== undefined) return fault;
      for (const hook of hooks) {
        const answer = await hook(record, exchange);
        if (answer !== undefined) return answer;
      }
      return undefined;
    };
    const more = name === "source" ? { stripPrefix: "/a" } : { config: { "receive.denyDeleteCurrent": "ignore" } };
    const server = await startGitServer({ root, onRequest, ...more });
    sides.set(name, { server, rules, hooks });
  }
  const side = (name: string): Side => {
    const found = sides.get(name);
    if (found === undefined) throw new Error(`There is no server ${name}.`);
    return found;
  };
  return {
    source: side("source").server,
    mirrors: new Map(lanes.map((name) => [name, side(name).server])),
    side,
    sourceOf: (name) => join(folder, "source", name),
    mirrorOf: (name, mirror) => join(folder, mirror, name),
    requests: (name, service) =>
      side(name).server.requests.filter((record) => service === undefined || record.service === service),
    forget: () => {
      for (const { server } of sides.values()) server.requests.length = 0;
    },
    close: async () => {
      for (const { server } of sides.values()) await server.close();
    },
  };
}

/** As Gerrit: a map behind a line that keeps browsers from running it; `n` limits and `S` skips. Names have one segment. */
function listProjects(root: string): OnRequest {
  return async ({ path, query }) => {
    if (path !== "/projects/") return undefined;
    const asked = new URLSearchParams(query);
    const start = Number(asked.get("S") ?? 0);
    const names = (await readdir(root)).sort().slice(start, start + Number(asked.get("n") ?? 500));
    const map = Object.fromEntries(names.map((name) => [name, { id: encodeURIComponent(name), state: "ACTIVE" }]));
    return {
      answer: (exchange) =>
        respond(exchange, 200, { "content-type": "application/json" }, `)]}'\n${JSON.stringify(map)}\n`),
    };
  };
}
