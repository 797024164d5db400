// The service's ports of this process, built once: handlers of one process share connections, caches and the status store.
import { ENV } from "../contract.ts";
import { type ServicePorts, servicePorts } from "./aws.ts";

type Environment = Readonly<Record<string, string | undefined>>;

let shared: { key: string; ports: Promise<ServicePorts> } | undefined;

/** Builds them at the first call and again when the variables changed; a failure is not kept, so the next call tries anew. */
export function sharedPorts(environment: Environment): Promise<ServicePorts> {
  const key = JSON.stringify(Object.values(ENV).map((name) => environment[name]));
  if (shared?.key === key) return shared.ports;
  const ports = servicePorts(environment);
  shared = { key, ports };
  ports.catch(() => {
    if (shared?.ports === ports) shared = undefined;
  });
  return ports;
}
