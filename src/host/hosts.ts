// The hosts a mirror can live on, and what differs between them that the whole program must know.

/** How a bare token is sent: as `Bearer`, or as the password of `Basic` beside a fixed user name. */
export type TokenForm =
  | { scheme: "Bearer" }
  /** `jwt`: tokens that are JSON Web Tokens go out as `Bearer` all the same. */
  | { scheme: "Basic"; username: string; jwt?: "Bearer" };

export type HostFacts = {
  /** Absent: the host knows no bare tokens, only a user name and a password. */
  token?: TokenForm;
  /** Commands that one push may have, where the host has a limit of its own. */
  commandsMax?: number;
};

export type HostName =
  | "github"
  | "gitlab"
  | "bitbucket-cloud"
  | "bitbucket-data-center"
  | "gitea"
  | "azure-devops"
  | "codecommit"
  | "git";

export const HOSTS: Readonly<Record<HostName, HostFacts>> = {
  // App installation tokens want this user name; personal access tokens take any (docs.github.com, "Authenticating as a
  // GitHub App installation"). GitHub Enterprise Server is the same.
  // It accepts 5,000 commands and answers 500 near 10,000 (entireio/git-sync's source; GitHub documents no number).
  github: { token: { scheme: "Basic", username: "x-access-token" }, commandsMax: 5_000 },
  // Personal, project and group access tokens: any user name, `oauth2` by custom (docs.gitlab.com, "Personal access tokens").
  gitlab: { token: { scheme: "Basic", username: "oauth2" } },
  // Repository, project and workspace access tokens (support.atlassian.com, "Using access tokens"). A user's API token
  // is written as username `x-bitbucket-api-token-auth` and password instead.
  "bitbucket-cloud": { token: { scheme: "Basic", username: "x-token-auth" } },
  // Project and repository HTTP tokens must not be sent with a user name in Basic (confluence.atlassian.com, "HTTP access tokens").
  "bitbucket-data-center": { token: { scheme: "Bearer" } },
  // Git paths read Basic only, and the password is tried as a token whatever the user name says (go-gitea/gitea,
  // services/auth/basic.go). Forgejo is the same.
  gitea: { token: { scheme: "Basic", username: "oauth2" } },
  // Personal access tokens: any user name; Entra tokens, which are JSON Web Tokens: Bearer (learn.microsoft.com, "Use
  // personal access tokens" and "Use service principals and managed identities").
  "azure-devops": { token: { scheme: "Basic", username: "token", jwt: "Bearer" } },
  // Static "HTTPS Git credentials" of an IAM user: a user name and a password (docs.aws.amazon.com, "Setup for HTTPS users").
  // 4,000 updates in a push (docs.aws.amazon.com, "Quotas in AWS CodeCommit").
  codecommit: { commandsMax: 4_000 },
  // A plain server, and Gerrit as the source: RFC 6750.
  git: { token: { scheme: "Bearer" } },
};

export const HOST_NAMES = Object.keys(HOSTS) as HostName[];

/** As a run's option: empty where the host has no limit of its own. */
export function commandsMaxOf(host: HostName): { commandsMax?: number } {
  const { commandsMax } = HOSTS[host];
  return commandsMax === undefined ? {} : { commandsMax };
}
