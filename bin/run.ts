// Runs one sub-command: its file is loaded only when it is called, so that each starts fast.
import { setFlagsFromString } from "node:v8";
import { redactUserinfo } from "../src/adapters/redact.ts";
import { MirrorError } from "../src/errors.ts";
import { type Environment, EXIT_USAGE } from "./exit-codes.ts";
import { printable } from "./format.ts";

const COMMANDS: Record<
  string,
  () => Promise<{ run(words: string[], env: Environment): Promise<number>; help: string }>
> = {
  mirror: () => import("./commands/mirror.ts"),
  plan: () => import("./commands/plan.ts"),
  sweep: () => import("./commands/sweep.ts"),
  status: () => import("./commands/status.ts"),
  webhook: () => import("./commands/webhook.ts"),
};

const HELP = `gerrit-mirror: exact mirrors of Gerrit repositories

  gerrit-mirror mirror REPOSITORY [--mirror NAME]... [--adopt]   one repository now, in this process
  gerrit-mirror mirror --from URL --to URL [--refs PATTERN]...   the same without a configuration file
  gerrit-mirror plan ...                                         what \`mirror\` would change, and why; sends nothing
  gerrit-mirror sweep [--mirror NAME]                            compare everything, enqueue what differs
  gerrit-mirror status [REPOSITORY]                              what is equal, what is not, and why
  gerrit-mirror webhook install | check | remove | rotate        Gerrit's side: who it posts its events to

  gerrit-mirror COMMAND --help    the command's flags
  npm start                       the demonstration, or the service on one machine (npm start -- --help)

Exit codes: 0 done and equal, 1 failed or not equal, 2 wrong usage or configuration.
`;

/** The exit code. Prints errors on stderr: what was wrong, then what to do. */
export async function run(words: readonly string[], env: Environment): Promise<number> {
  const [name, ...rest] = words;
  // `gerrit-mirror ... | head` ends the reader early; that is no fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(HELP);
    return name === undefined ? EXIT_USAGE : 0;
  }
  try {
    const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (load === undefined)
      throw new MirrorError("usage", `There is no command "${name}"; there are ${Object.keys(COMMANDS).join(", ")}.`);
    const command = await load();
    if (rest.includes("--help") || rest.includes("-h")) {
      process.stdout.write(command.help);
      return 0;
    }
    keepHeapSmall();
    return await command.run(rest, env);
  } catch (error) {
    const known = MirrorError.from(error);
    // A word in the wrong place may be a URL with a credential.
    process.stderr.write(`error: ${shown(known.message)}\n${known.remedy}\n`);
    if (known.code === "internal" && error instanceof Error)
      process.stderr.write(`${redactUserinfo(error.stack ?? "")}\n`);
    return known.code === "usage" || known.code === "invalid-configuration" ? EXIT_USAGE : 1;
  }
}

/** A line as a terminal can take it: servers' words and names may hold control characters; lines of our own stay. */
function shown(message: string): string {
  return message
    .split("\n")
    .map((line) => printable(redactUserinfo(line)))
    .join("\n");
}

/** A run that ends sooner is small, and the second flag would cost it 12 of its 160 ms. */
const SMALL_RUN_MS = 200;

/**
 * V8's young generation stays at the size that it has by now, and after a moment the heap grows in small steps: a third
 * less memory with 100,000 refs, within the noise of measurement in time, and the buffers of a pack that streams by are
 * given back sooner.
 */
function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setTimeout(() => setFlagsFromString("--optimize-for-size"), SMALL_RUN_MS).unref();
}
