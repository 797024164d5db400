// Lambda on a schedule: compares everything and enqueues what differs; says what it found.
import type { Context } from "aws-lambda";
import type { ServicePorts } from "../src/adapters/aws.ts";
import { sharedPorts } from "../src/adapters/shared-ports.ts";
import { isMirrorName, type MirrorName } from "../src/model/repository.ts";
import { sidesOf } from "../src/sides.ts";
import { type SweepSummary, sweep } from "../src/sweep.ts";

/** Left of Lambda's time for the two reads of the last repositories (sweep-repository.ts) and the cursor. */
const MARGIN_MS = 110_000;

/** The schedule's event names nothing; `{"mirror": NAME}` sweeps one lane. Throws when the configuration cannot be used. */
export async function handler(event: unknown, context: Context): Promise<SweepSummary> {
  return sweepAll(event, context, await sharedPorts(process.env));
}

/** The handler with its ports given. */
export async function sweepAll(event: unknown, context: Context, ports: ServicePorts): Promise<SweepSummary> {
  const only = mirrorNamed(event);
  return sweep(
    { ...ports, ...sidesOf(ports) },
    {
      until: () => ports.clock() + context.getRemainingTimeInMillis() - MARGIN_MS,
      ...(only === undefined ? {} : { only }),
    },
  );
}

function mirrorNamed(event: unknown): MirrorName | undefined {
  const name = typeof event === "object" && event !== null && "mirror" in event ? event.mirror : undefined;
  return typeof name === "string" && isMirrorName(name) ? name : undefined;
}
