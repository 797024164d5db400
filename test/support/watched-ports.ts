// The service's real ports, with what went through them kept, and the clock and the delays in a test's hands.
import type { ServicePorts } from "../../src/adapters/aws.ts";
import type { Job } from "../../src/model/job.ts";
import type { LogFields, Queue } from "../../src/ports.ts";

export type Postponement = { mirror: string; seconds: number };
export type Logged = { level: string; message: string; fields: LogFields };

/** `postpone`: what a postponement of so many seconds becomes. */
export function watchPorts(real: ServicePorts, postpone: (seconds: number) => number) {
  const logs: Logged[] = [];
  const metrics: { name: string; value: number; mirror?: string }[] = [];
  const postponed: Postponement[] = [];
  const jobs: Job[] = [];
  let ahead = 0;
  const advance = (milliseconds: number): void => {
    ahead += milliseconds;
  };
  const queue: Queue = {
    send: async (job, id) => {
      await real.queue.send(job, id);
      jobs.push(job);
    },
    postpone: async (mirror, handle, seconds) => {
      postponed.push({ mirror, seconds });
      await real.queue.postpone(mirror, handle, postpone(seconds));
    },
    sendDeadLetter: (letter, id) => real.queue.sendDeadLetter(letter, id),
    sendUnreadable: (mirror, body, id) => real.queue.sendUnreadable(mirror, body, id),
  };
  const ports: ServicePorts = {
    ...real,
    queue,
    clock: () => Date.now() + ahead,
    log: (level, message, fields = {}) => void logs.push({ level, message, fields }),
    metrics: { add: (name, value, _unit, dimensions = {}) => void metrics.push({ name, value, ...dimensions }) },
  };
  return { ports, logs, metrics, postponed, jobs, advance };
}
