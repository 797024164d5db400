// The embedded metric format's exact shape, since CloudWatch drops silently what it does not understand.
import { describe, expect, test } from "vitest";
import { emfMetrics } from "../../src/adapters/emf-metrics.ts";

describe("emfMetrics", () => {
  const lines: string[] = [];
  const metrics = emfMetrics({ write: (line) => lines.push(line), clock: () => 1_700_000_000_000 });

  test("writes a lane's metric with the mirror as its dimension", () => {
    metrics.add("Lag", 1234.5, "Milliseconds", { mirror: "github" });
    expect(lines.pop()).toBe(
      '{"_aws":{"Timestamp":1700000000000,"CloudWatchMetrics":[{"Namespace":"GerritMirror","Dimensions":[["mirror"]],' +
        '"Metrics":[{"Name":"Lag","Unit":"Milliseconds"}]}]},"mirror":"github","Lag":1234.5}',
    );
  });

  test("writes a metric without a lane with one empty dimension set", () => {
    metrics.add("EventsQueued", 1, "Count");
    expect(lines.pop()).toBe(
      '{"_aws":{"Timestamp":1700000000000,"CloudWatchMetrics":[{"Namespace":"GerritMirror","Dimensions":[[]],' +
        '"Metrics":[{"Name":"EventsQueued","Unit":"Count"}]}]},"EventsQueued":1}',
    );
  });
});
