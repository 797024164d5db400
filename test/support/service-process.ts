// `node local/start.ts --config --secrets --port 0` as a user runs it, and the operator's command beside it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { WEBHOOK_SECRET } from "./service-world.ts";

const START = fileURLToPath(new URL("../../local/start.ts", import.meta.url));
const COMMAND = fileURLToPath(new URL("../../bin/gerrit-mirror.ts", import.meta.url));

export type ServiceProcess = {
  url: string;
  child: ChildProcess;
  /** Everything it printed, stdout and stderr. */
  output(): string;
  post(event: object | string, path?: string): Promise<Response>;
  /** Runs the operator's command against it. */
  command(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  /** Resolves with the exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `home` takes the place of the user's, so that nothing is left outside it. */
export async function startServiceProcess(
  files: { configFile: string; secretsFile: string },
  home: string,
): Promise<ServiceProcess> {
  const env = { PATH: process.env.PATH ?? "", HOME: home, XDG_STATE_HOME: home };
  const args = [START, "--config", files.configFile, "--secrets", files.secretsFile, "--port", "0"];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close");
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        const found = /^listening (http:\/\/127\.0\.0\.1:\d+)$/m.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      });
    }
    closed.then(() => reject(new Error(`the service ended: ${output}`)), reject);
  });
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await closed;
    return child.exitCode ?? child.signalCode;
  };
  return {
    url,
    child,
    output: () => output,
    post: (event, path = `/webhook/${WEBHOOK_SECRET}`) =>
      fetch(`${url}${path}`, { method: "POST", body: typeof event === "string" ? event : JSON.stringify(event) }),
    command: async (...words) => {
      const run = spawn(process.execPath, [COMMAND, ...words, "--local", url], { env, cwd: home, stdio: "pipe" });
      const texts = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const) {
        run[name].setEncoding("utf8").on("data", (text: string) => {
          texts[name] += text;
        });
      }
      const [code] = (await once(run, "close")) as [number];
      return { code, ...texts };
    },
    end,
    [Symbol.asyncDispose]: async () => {
      await end("SIGKILL");
    },
  };
}
