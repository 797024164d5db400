// `gerrit-mirror mirror`: makes one repository's mirrors equal now, in this process; no queue, no AWS.
import { MirrorError } from "../../src/errors.ts";
import { mirrorRepository } from "../../src/mirror-repository.ts";
import type { MirrorRequest } from "../../src/mirror-run.ts";
import { type Digest, isDigest } from "../../src/model/job.ts";
import type { Report } from "../../src/model/report.ts";
import type { MirrorName, RepositoryName } from "../../src/model/repository.ts";
import { parseSeconds, parseWords, WORK_OPTIONS } from "../arguments.ts";
import { type Environment, EXIT_EQUAL, EXIT_NOT_EQUAL } from "../exit-codes.ts";
import { showProgress } from "../progress.ts";
import { renderReport, reportJson } from "../render-report.ts";
import { retrying } from "../retrying.ts";
import { findTargets, type Target } from "../targets.ts";

export const help = `gerrit-mirror mirror REPOSITORY [--mirror NAME]... [--adopt]
gerrit-mirror mirror --from URL --to URL [--refs PATTERN]...

  --from URL, --to URL     two repositories without a configuration file; credentials as userinfo (never shown), or in
                           GERRIT_MIRROR_FROM_AUTH and GERRIT_MIRROR_TO_AUTH as "user:password" or "Bearer ..."
  --refs PATTERN           refs/heads/main, refs/heads/* or ^refs/...; default refs/heads/* and refs/tags/*
  --mirror NAME            only this mirror of the configuration (may be repeated)
  --adopt                  a mirror that holds other work than the source is meant: overwrite it
  --allow-deletes DIGEST   approve exactly the deletions that were held under this digest
  --config FILE            default mirror.config.json
  --secrets FILE           the secrets as JSON (mode 0600); without it AWS Secrets Manager is read
  --retry-seconds N        what can heal is tried again that long; default 30
  --local URL, --stack NAME  taken as by every command; \`mirror\` works in its own process and does not need them
  --json                   one JSON document on stdout, everything else on stderr
`;

export async function run(words: string[], env: Environment): Promise<number> {
  const options = { ...WORK_OPTIONS, adopt: { type: "boolean" }, "allow-deletes": { type: "string" } } as const;
  const { values, positionals } = parseWords(words, options);
  const retrySeconds = parseSeconds(values["retry-seconds"], "retry-seconds");
  const allowDeletes = values["allow-deletes"];
  if (allowDeletes !== undefined && !isDigest(allowDeletes)) {
    throw new MirrorError(
      "usage",
      `--allow-deletes takes the 64 hex digits that the report shows, not "${allowDeletes}".`,
    );
  }
  const { targets, close } = await findTargets(positionals, values, env);
  try {
    const reports = await Promise.all(targets.map((target) => mirrorTarget(target, allowDeletes, retrySeconds)));
    if (values.json) writeJson(reports);
    else for (const { target, report } of reports) process.stdout.write(renderReport(target, report));
    // Last: whatever becomes of it, what was pushed has been reported.
    if (values.adopt === true) await adopt(values.config, reports);
    return reports.every(({ report }) => report.outcome === "equal") ? EXIT_EQUAL : EXIT_NOT_EQUAL;
  } finally {
    close();
  }
}

/** One object for one mirror, an array for several. */
function writeJson(reports: readonly { target: Target; report: Report }[]): void {
  const several = reports.length > 1;
  if (several) process.stdout.write("[");
  for (const [index, { target, report }] of reports.entries()) {
    if (index > 0) process.stdout.write(",");
    for (const piece of reportJson(target, report)) process.stdout.write(piece);
  }
  process.stdout.write(several ? "]\n" : "\n");
}

/** Only what was pushed over is adopted; a mirror that could not be read stays as it was. */
async function adopt(configFile: string, reports: readonly { target: Target; report: Report }[]): Promise<void> {
  const { recordAdoption } = await import("../adoption.ts");
  for (const { target, report } of reports) {
    if (report.outcome === "failed") continue;
    await recordAdoption(configFile, {
      mirror: target.mirror as MirrorName,
      repository: target.repository as RepositoryName,
    });
  }
}

async function mirrorTarget(
  target: Target,
  allowDeletes: Digest | undefined,
  retrySeconds: number,
): Promise<{ target: Target; report: Report }> {
  const approval = allowDeletes === undefined ? {} : { allowDeletes };
  const report = await retrying(retrySeconds, async () => {
    const request: MirrorRequest = { ...target.open(), ...approval };
    const progress = showProgress(`${target.repository} -> ${target.mirror}`, request.bytes);
    const { report: result } = await mirrorRepository(request).finally(() => progress.end());
    return { result, ...(result.error === undefined ? {} : { error: result.error }) };
  });
  return { target, report };
}
