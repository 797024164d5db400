// Wire answers as JGit and Gerrit write them, made by hand: no `# service` line in v2, lines without LF, spaces around capabilities.

const FLUSH = "0000";
const ZERO = "0".repeat(40);
const MAIN = "56a94a95ae732448124354e49b1293a684cb01df";
const CONFIG = "97dfe75bf924f5e31f7b5a157bff2f565c916cf3";
const TAG = "d23b78de3ad424c7de02cb1ad9b0a06f575c0c78";

/** v0 capabilities of JGit's upload-pack, which puts a space before each. */
const UPLOAD_PACK = [
  ...["include-tag", "multi_ack_detailed", "multi_ack", "ofs-delta", "side-band", "side-band-64k", "thin-pack"],
  ...["no-progress", "shallow", "agent=JGit/7.2.0.202503040940-r"],
];
const RECEIVE_PACK = ["side-band-64k", "delete-refs", "report-status", "quiet", "atomic", "ofs-delta", "push-options"];

/** Name and bytes of each. */
export function jgitAnswers(): [string, Uint8Array][] {
  const text: [string, string][] = [
    // Measured on Gerrit 3.10.1: exactly these four, no service line, no LF.
    ["jgit-v2-advertisement", bare("version 2", "ls-refs", "fetch=shallow", "server-option") + FLUSH],
    [
      "jgit-v2-ls-refs",
      lines(
        `${MAIN} HEAD symref-target:refs/heads/main`,
        `${MAIN} refs/heads/main`,
        `${CONFIG} refs/meta/config`,
        `${TAG} refs/tags/v1 peeled:${MAIN}`,
      ) + FLUSH,
    ],
    // An administrator sees refs/meta/config in an empty project, and no HEAD line.
    ["jgit-v2-ls-refs-empty-project", lines(`${CONFIG} refs/meta/config`) + FLUSH],
    ["jgit-v2-ls-refs-nothing", FLUSH],
    ["jgit-v2-err-want-not-valid", bare(`ERR want ${MAIN} not valid`)],
    ["jgit-v2-err-unexpected-unborn", bare("ERR unexpected unborn")],
    ["jgit-v2-err-unavailable", bare("ERR some/project unavailable")],
    [
      "jgit-v0-upload-pack-advertisement",
      lines("# service=git-upload-pack") +
        FLUSH +
        lines(
          `${MAIN} HEAD\0${spaced([...UPLOAD_PACK.slice(0, -1), "symref=HEAD:refs/heads/main", ...UPLOAD_PACK.slice(-1)])}`,
          `${MAIN} refs/heads/main`,
          `${TAG} refs/tags/v1`,
          `${MAIN} refs/tags/v1^{}`,
        ) +
        FLUSH,
    ],
    // Older JGit wrote one more space after the last capability.
    [
      "jgit-v0-upload-pack-advertisement-empty",
      `${lines("# service=git-upload-pack")}${FLUSH}${lines(`${ZERO} capabilities^{}\0${spaced(UPLOAD_PACK)} `)}${FLUSH}`,
    ],
    [
      "jgit-receive-pack-advertisement",
      lines("# service=git-receive-pack") +
        FLUSH +
        lines(`${MAIN} refs/heads/main\0${spaced([...RECEIVE_PACK, ...UPLOAD_PACK.slice(-1)])}`, `${CONFIG} .have`) +
        FLUSH,
    ],
    [
      "jgit-report-sideband-ng",
      band(2, "Processing changes: refs: 2\n") +
        band(
          1,
          lines("unpack ok", "ok refs/heads/main", "ng refs/heads/other prohibited by Gerrit: not permitted: create") +
            FLUSH,
        ) +
        FLUSH,
    ],
    [
      "jgit-report-sideband-unpack-error",
      band(1, lines("unpack error Missing delta base", "ng refs/heads/main n/a (unpacker error)") + FLUSH) + FLUSH,
    ],
  ];
  return text.map(([name, content]) => [name, Buffer.from(content, "latin1")]);
}

function spaced(capabilities: readonly string[]): string {
  return ` ${capabilities.join(" ")}`;
}

function lines(...texts: string[]): string {
  return bare(...texts.map((text) => `${text}\n`));
}

/** Packets as they are, without LF. */
function bare(...texts: string[]): string {
  return texts.map((text) => (text.length + 4).toString(16).padStart(4, "0") + text).join("");
}

function band(number: number, content: string): string {
  return bare(String.fromCharCode(number) + content);
}
