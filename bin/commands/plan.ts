// `gerrit-mirror plan`: what `mirror` would change, and why; sends nothing.
import { type ErrorSummary, MirrorError, summarizeError } from "../../src/errors.ts";
import { planRepository } from "../../src/mirror-repository.ts";
import type { Plan } from "../../src/model/report.ts";
import { parseSeconds, parseWords, WORK_OPTIONS } from "../arguments.ts";
import { type Environment, EXIT_EQUAL, EXIT_NOT_EQUAL } from "../exit-codes.ts";
import { printable } from "../format.ts";
import { planJson, renderPlan } from "../render-plan.ts";
import { retrying } from "../retrying.ts";
import { findTargets, type Target } from "../targets.ts";

export const help = `gerrit-mirror plan REPOSITORY [--mirror NAME]...
gerrit-mirror plan --from URL --to URL [--refs PATTERN]...

What \`mirror\` would change, and why. Sends nothing; exit code 0 whatever it finds,
1 when a side could not be read.
Flags as for \`mirror\`: --mirror, --from, --to, --refs, --config, --secrets, --retry-seconds, --json.
`;

type Planned = { target: Target; plan?: Plan; error?: ErrorSummary };

export async function run(words: string[], env: Environment): Promise<number> {
  const { values, positionals } = parseWords(words, { ...WORK_OPTIONS, adopt: { type: "boolean" } });
  const retrySeconds = parseSeconds(values["retry-seconds"], "retry-seconds");
  const { targets, close } = await findTargets(positionals, values, env);
  try {
    const plans = await Promise.all(targets.map((target) => planTarget(target, retrySeconds)));
    const documents = plans.map(documentOf);
    if (values.json) process.stdout.write(`${JSON.stringify(documents.length === 1 ? documents[0] : documents)}\n`);
    for (const { target, plan, error } of plans) {
      if (plan !== undefined && !values.json) process.stdout.write(renderPlan(target, plan));
      if (error !== undefined) process.stderr.write(`error: ${printable(error.message)}\n${error.remedy}\n`);
    }
    return plans.every(({ error }) => error === undefined) ? EXIT_EQUAL : EXIT_NOT_EQUAL;
  } finally {
    close();
  }
}

function planTarget(target: Target, retrySeconds: number): Promise<Planned> {
  return retrying<Planned>(retrySeconds, async () => {
    try {
      return { result: { target, plan: await planRepository(target.open()) } };
    } catch (thrown) {
      const error = MirrorError.from(thrown);
      const { code, message, retryAfterSeconds } = error;
      const failure = { code, message, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) };
      return { result: { target, error: summarizeError(error) }, error: failure };
    }
  });
}

/** A mirror that could not be read has its error in place of a plan; the others' plans are there all the same. */
function documentOf({ target, plan, error }: Planned): Record<string, unknown> {
  if (plan !== undefined) return planJson(target, plan);
  return { repository: target.repository, mirror: target.mirror, error };
}
