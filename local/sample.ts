// The demonstration's sample: a source repository with real history, an empty mirror, and the hook that posts events as Gerrit does.
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { git } from "./git.ts";

export type Sample = {
  name: string;
  /** Bare, where Gerrit would keep it. */
  source: string;
  mirror: string;
  /** A clone to commit in. */
  work: string;
};

/** Two branches with a few commits and an annotated tag. The project appears at the source as a whole. */
export async function makeSample(root: string, name: string): Promise<Sample> {
  const sample: Sample = {
    name,
    source: join(root, "source", `${name}.git`),
    mirror: join(root, "mirror", `${name}.git`),
    work: join(root, "work"),
  };
  const { mirror, work } = sample;
  await mkdir(work);
  await git(work, "init", "--quiet", "--initial-branch=main");
  await commitFile(work, "README.md", "# Sample\n", "Begin");
  await commitFile(work, "src/hello.txt", "Hello\n", "Say hello");
  await git(work, "tag", "--annotate", "v1.0", "--message", "First release");
  await git(work, "switch", "--quiet", "--create", "feature/greeting");
  await commitFile(work, "src/hello.txt", "Hello, world\n", "Greet the world");
  await git(work, "switch", "--quiet", "main");
  await commitFile(work, "NOTES.md", "Notes\n", "Take notes");
  await git(root, "init", "--quiet", "--bare", "--initial-branch=main", mirror);
  const made = join(root, "made.git");
  await git(root, "clone", "--quiet", "--bare", work, made);
  await rename(made, sample.source);
  await git(work, "remote", "add", "origin", sample.source);
  return sample;
}

export async function commitFile(work: string, file: string, text: string, message: string): Promise<void> {
  const path = join(work, file);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
  await git(work, "add", "--", file);
  await git(work, "commit", "--quiet", "--message", message);
}

/** A `ref-updated` event as Gerrit's webhooks plugin posts it. */
export function refUpdated(project: string, refName: string, oldRev: string, newRev: string): object {
  return {
    submitter: { name: "Ada", email: "ada@example.com", username: "ada" },
    refUpdate: { oldRev, newRev, refName, project },
    type: "ref-updated",
    eventCreatedOn: Math.floor(Date.now() / 1000),
  };
}

/** From now on each `git push` to the source posts its events, with Node alone. */
export async function installHook(sample: Sample, webhookUrl: string): Promise<void> {
  const hooks = join(sample.source, "hooks");
  await mkdir(hooks, { recursive: true });
  await writeFile(join(hooks, "post-event.mjs"), hookProgram(sample.name, webhookUrl));
  const hook = join(hooks, "post-receive");
  const quoted = `'${process.execPath.replaceAll("'", "'\\''")}'`;
  await writeFile(hook, `#!/bin/sh\nexec ${quoted} "$(dirname "$0")/post-event.mjs"\n`);
  await chmod(hook, 0o700);
}

function hookProgram(project: string, webhookUrl: string): string {
  return `// Posts what Gerrit's webhooks plugin would post for this push.
import { readFileSync } from "node:fs";
for (const line of readFileSync(0, "utf8").split("\\n").filter(Boolean)) {
  const [oldRev, newRev, refName] = line.split(" ");
  const event = { refUpdate: { oldRev, newRev, refName, project: ${JSON.stringify(project)} }, type: "ref-updated",
    eventCreatedOn: Math.floor(Date.now() / 1000) };
  const answer = await fetch(${JSON.stringify(webhookUrl)}, { method: "POST", body: JSON.stringify(event) });
  console.log(\`webhook: \${answer.status} \${await answer.text()}\`);
}
`;
}
