// Posts an event that moves nothing to a webhook's URL, to see from here whether the receiver takes posts with that secret.
import { MirrorError } from "./errors.ts";
import type { Secret } from "./model/secret.ts";
import type { HttpClient } from "./ports.ts";

/** `refused`: the receiver does not know the secret. `unknown`: nothing can be said, and why. */
export type ProbeResult = { kind: "taken" } | { kind: "refused" } | { kind: "unknown"; why: string };

/** Of no type that Gerrit has: the receiver answers 200 and drops it. */
const BODY = Buffer.from('{"type":"gerrit-mirror-check"}');
const PROBE_MS = 10_000;

export async function probeReceiver(http: HttpClient, url: Secret): Promise<ProbeResult> {
  try {
    const response = await http({
      method: "POST",
      url: url.expose(),
      headers: { "content-type": "application/json", "content-length": String(BODY.length) },
      body: BODY,
      signal: AbortSignal.timeout(PROBE_MS),
    });
    response.destroy();
    if (response.status === 200) return { kind: "taken" };
    if (response.status === 401) return { kind: "refused" };
    return { kind: "unknown", why: `it answered ${response.status}` };
  } catch (error) {
    return { kind: "unknown", why: MirrorError.from(error).code };
  }
}
