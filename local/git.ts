// Runs the installed git for the demonstration, untouched by the user's configuration.
import { spawn } from "node:child_process";
import { devNull } from "node:os";

/** `LC_ALL` keeps messages English; prompts would wait for ever. */
export const GIT_ENV: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? "",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: devNull,
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.com",
};

/** Standard output; rejects with what git said when it fails or is not installed. */
export async function git(folder: string, ...args: string[]): Promise<string> {
  const child = spawn("git", args, { cwd: folder, env: GIT_ENV, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`git cannot be run (is it installed?): ${cause.message}`)));
    child.once("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`git ${args.join(" ")} ended with ${code}: ${errors.trim()}`));
    });
  });
}
