// Metrics as CloudWatch's embedded metric format: one JSON line a value, which CloudWatch Logs turns into a metric.
import { METRIC_NAMESPACE } from "../contract.ts";
import type { Clock, Metrics } from "../ports.ts";

type EmfOptions = {
  /** Gets one line without its line feed; in Lambda it goes to stdout as the whole log event. */
  write: (line: string) => void;
  clock: Clock;
};

/**
 * Shape: AWS's "Specification: Embedded metric format". A dimension set may be empty but must be there, its keys and the
 * metric's name are members of the root, a dimension's value is a string, a metric's a number, the time in milliseconds.
 */
export function emfMetrics({ write, clock }: EmfOptions): Metrics {
  return {
    add(name, value, unit, dimensions = {}) {
      const mirror = dimensions.mirror === undefined ? {} : { mirror: dimensions.mirror };
      const directive = {
        Namespace: METRIC_NAMESPACE,
        Dimensions: [Object.keys(mirror)],
        Metrics: [{ Name: name, Unit: unit }],
      };
      write(JSON.stringify({ _aws: { Timestamp: clock(), CloudWatchMetrics: [directive] }, ...mirror, [name]: value }));
    },
  };
}
