// The program behind `npm start`: the demonstration, or the service with a configuration of one's own.
import { parseArgs } from "node:util";
import { MirrorError } from "../src/errors.ts";
import type { Service } from "./service.ts";

const HELP = `npm start                                          shows a sample repository being mirrored, then stays up for trying
npm start -- --once                                the same, and ends after the proof
npm start -- --config FILE --secrets FILE          the service on this machine
    --port N       where it listens for Gerrit's posts (default 8080; 0: any free port)
    --host ADDR    on which address (default 127.0.0.1); there only /webhook and /health are served
npm start -- --help
`;

type Arguments =
  | { mode: "help" }
  | { mode: "demo"; once: boolean }
  | { mode: "service"; configFile: string; secretsFile: string; port: number; host: string };

/** Exit codes: 0 done, 1 failed, 2 wrong usage or configuration. */
async function main(): Promise<void> {
  try {
    const args = parseArguments(process.argv.slice(2));
    if (args.mode === "help") process.stdout.write(HELP);
    else if (args.mode === "demo") {
      const { runDemo } = await import("./demo.ts");
      process.exit(await runDemo(args.once));
    } else await serve(args);
  } catch (error) {
    const { code, message, remedy } = MirrorError.from(error);
    process.stderr.write(`${message}\n${remedy}\n`);
    process.exit(WRONG_INPUT.includes(code) ? 2 : 1);
  }
}

const WRONG_INPUT: readonly string[] = ["usage", "invalid-configuration", "invalid-secret"];

function parseArguments(argv: string[]): Arguments {
  const { config, secrets, port, host, once, help } = parseFlags(argv);
  if (help) return { mode: "help" };
  if (config === undefined) {
    const lone = [secrets && "--secrets", port && "--port", host && "--host"].find((flag) => flag);
    if (lone) throw usage(`${lone} goes together with --config.`);
    return { mode: "demo", once: once ?? false };
  }
  if (once) throw usage("--once belongs to the demonstration and goes without --config.");
  if (secrets === undefined) throw usage("--config needs --secrets FILE beside it, where the webhook's secret is.");
  if (port !== undefined && (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)) {
    throw usage(`--port is ${JSON.stringify(port)}; expected a number from 0 to 65535.`);
  }
  return {
    mode: "service",
    configFile: config,
    secretsFile: secrets,
    port: Number(port ?? 8080),
    host: host ?? "127.0.0.1",
  };
}

function parseFlags(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      options: {
        config: { type: "string" },
        secrets: { type: "string" },
        port: { type: "string" },
        host: { type: "string" },
        once: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function usage(message: string): MirrorError {
  return new MirrorError("usage", message, { remedy: "See npm start -- --help." });
}

async function serve(args: Extract<Arguments, { mode: "service" }>): Promise<void> {
  const [{ startService }, webhook, worker, sweep] = await Promise.all([
    import("./service.ts"),
    import("../functions/webhook.ts"),
    import("../functions/worker.ts"),
    import("../functions/sweep.ts"),
  ]);
  const handlers = { webhook: webhook.handler, worker: worker.handler, sweep: sweep.handler };
  const service = await startService({ ...args, env: process.env, handlers });
  stopOnSignal(service);
  process.stdout.write(`listening ${service.url}\n`);
  process.stderr.write(advice(service, args.secretsFile));
}

function stopOnSignal(service: Service): void {
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(130);
    stopping = true;
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // Started by the demonstration over a channel: must not outlive it.
  process.on("disconnect", stop);
}

function advice({ url, operatorUrl, tokenFile, webhookSecret }: Service, secretsFile: string): string {
  const secret =
    webhookSecret === undefined
      ? "No webhook.secret is configured: only signed posts to /webhook are taken (webhook.signingSecret)."
      : `Add this to webhooks.config on refs/meta/config of All-Projects; SECRET is "${webhookSecret}" of ${secretsFile}:

    [remote "gerrit-mirror"]
      url = ${url}/webhook/SECRET
      event = ref-updated
      event = project-created
      event = project-head-updated
      sslVerify = true
      socketTimeout = 30000
      maxTries = 200
      retryInterval = 15000
`;
  return `operator  ${operatorUrl} (token in ${tokenFile})\nhealth    ${url}/health\n\n${secret}\n`;
}

await main();
