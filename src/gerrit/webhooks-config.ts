// What to do by hand where Gerrit has no REST API for webhooks: the section of webhooks.config and the commands to push it.
import { EVENTS, type RemoteId, SETTINGS } from "./webhooks-plugin.ts";

/** Keys as the file has them; the API's are other words. */
const KEYS = {
  ssl_verify: "sslVerify",
  connection_timeout: "connectionTimeout",
  socket_timeout: "socketTimeout",
  max_tries: "maxTries",
  retry_interval: "retryInterval",
} as const satisfies Record<keyof typeof SETTINGS, string>;

export type ByHand = { file: string; commands: string[] };

/** With the word SECRET where the secret belongs: what is printed ends in logs and histories. */
export function webhookByHand(gerritUrl: string, { project, name }: RemoteId, base: string): ByHand {
  const settings = Object.entries(KEYS).map(([field, key]) => `  ${key} = ${SETTINGS[field as keyof typeof SETTINGS]}`);
  const events = EVENTS.map((event) => `  event = ${event}`);
  const file = [`[remote "${name}"]`, `  url = ${base}/webhook/SECRET`, ...events, ...settings, ""].join("\n");
  const path = project.split("/").map(encodeURIComponent).join("/");
  return {
    file,
    commands: [
      `git clone ${gerritUrl.replace(/\/+$/, "")}/a/${path} webhook-setup && cd webhook-setup`,
      "git fetch origin refs/meta/config && git checkout FETCH_HEAD",
      "$EDITOR webhooks.config   # the section above, beside others that are there; the secret in the place of SECRET",
      "git add webhooks.config && git commit -m 'Post ref updates to gerrit-mirror'",
      "git push origin HEAD:refs/meta/config",
    ],
  };
}
