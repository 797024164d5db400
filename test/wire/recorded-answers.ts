// What each recorded answer says, and through which production reader it is read.
import { createHash } from "node:crypto";
import { parsePackHeader } from "../../src/wire/pack.ts";
import {
  fetchInto,
  packets,
  pushAndRead,
  readAdvertisedRefs,
  readListedRefs,
  readPushFeatures,
  sourceOf,
} from "./serve-bytes.ts";

export type Recorded = {
  /** Reads the answer's chunks to a value that can be compared. `partial` collects what came before an error. */
  read: (chunks: Iterable<Uint8Array>, partial: Uint8Array[]) => Promise<unknown>;
  /** The value, or the code of the error it must end with. */
  value?: unknown;
  code?: string;
};

const TIP = "a0764f4acdd72ac0a06bfe45254848116966628a";
const BASE = "937fb5e3dff6a74c1995233c162e0a3fee003de1";
const GROESSE = Buffer.from("refs/heads/größe").toString("latin1");
const TAGS: [string, string][] = [
  ["refs/tags/a-tree", "df7b331055998c923802e7d3ab6bee03ed72c9dc"],
  ["refs/tags/v1", "642a2b4ef2ba517a733859f71a89818ec6fdc347"],
  ["refs/tags/v1-again", "4f2865a23a6b9f68e145aef369d025e54265bfd1"],
];
const CURRENT: [string, string] = ["refs/heads/current", TIP];
const BRANCHES: [string, string][] = [
  [GROESSE, BASE],
  ["refs/heads/main", TIP],
  ["refs/heads/old", BASE],
  ["refs/heads/\xff", BASE],
];
/** Without `symrefs`, and in v0, a symbolic ref cannot be told from a branch. */
const PLAIN = { refs: new Map([CURRENT, ...BRANCHES, ...TAGS]), symbolic: new Set(), head: TIP };
const WITH_SYMREFS = { refs: new Map([...BRANCHES, ...TAGS]), symbolic: new Set(["refs/heads/current"]), head: TIP };
const NOTHING = { refs: new Map(), symbolic: new Set() };

const JGIT_MAIN = "56a94a95ae732448124354e49b1293a684cb01df";
const JGIT_TAG = "d23b78de3ad424c7de02cb1ad9b0a06f575c0c78";
const JGIT_CONFIG = "97dfe75bf924f5e31f7b5a157bff2f565c916cf3";

const GIT_PUSH = {
  thin: true,
  ofsDelta: true,
  sideband: true,
  capabilities: ["report-status-v2", "side-band-64k", "quiet", "object-format=sha1", "agent=gerrit-mirror/0.1"],
};
const JGIT_PUSH = { ...GIT_PUSH, capabilities: ["report-status", "side-band-64k", "quiet", "agent=gerrit-mirror/0.1"] };

/** Complains about a stale value on side-band 2, then refuses the ref. */
const LOCKED = `error: cannot lock ref 'refs/heads/main': is at ${TIP} but expected ${BASE}\n`;
const STALE: [string, string] = ["refs/heads/main", "failed to update ref"];

export const RECORDED: Readonly<Record<string, Recorded>> = {
  "git-v0-upload-pack-advertisement": advertised(PLAIN),
  "git-v0-upload-pack-advertisement-empty": advertised(NOTHING),
  "git-v1-upload-pack-advertisement": advertised(PLAIN),
  "git-v1-upload-pack-advertisement-empty": advertised(NOTHING),
  "git-v2-upload-pack-advertisement": v2Then(),
  "git-v2-upload-pack-advertisement-empty": v2Then(),
  "jgit-v0-upload-pack-advertisement": advertised({
    refs: new Map([
      ["refs/heads/main", JGIT_MAIN],
      ["refs/tags/v1", JGIT_TAG],
    ]),
    symbolic: new Set(),
    head: JGIT_MAIN,
  }),
  "jgit-v0-upload-pack-advertisement-empty": advertised(NOTHING),
  "jgit-v2-advertisement": v2Then(),
  "git-receive-pack-advertisement": { read: readPushFeatures, value: GIT_PUSH },
  "git-receive-pack-advertisement-empty": { read: readPushFeatures, value: GIT_PUSH },
  "git-receive-pack-advertisement-have-lines": { read: readPushFeatures, value: GIT_PUSH },
  "jgit-receive-pack-advertisement": { read: readPushFeatures, value: JGIT_PUSH },
  "git-v2-ls-refs": listed(WITH_SYMREFS),
  "git-v2-ls-refs-plain": listed(PLAIN),
  "git-v2-ls-refs-prefix": listed({ refs: new Map(TAGS), symbolic: new Set(), head: TIP }),
  "git-v2-ls-refs-empty": listed(NOTHING),
  "git-v2-ls-refs-empty-unborn": listed(NOTHING),
  "jgit-v2-ls-refs": listed({
    refs: new Map([
      ["refs/heads/main", JGIT_MAIN],
      ["refs/meta/config", JGIT_CONFIG],
      ["refs/tags/v1", JGIT_TAG],
    ]),
    symbolic: new Set(),
    head: JGIT_MAIN,
  }),
  "jgit-v2-ls-refs-empty-project": listed({ refs: new Map([["refs/meta/config", JGIT_CONFIG]]), symbolic: new Set() }),
  "jgit-v2-ls-refs-nothing": listed(NOTHING),
  "git-v2-fetch-full": fetched(7, 1015),
  "git-v2-fetch-full-ref-delta": fetched(7, 1033),
  "git-v2-fetch-increment": fetched(3, 786),
  "git-v2-fetch-increment-thin": fetched(3, 306),
  "git-v2-fetch-empty-pack": fetched(0, 32),
  "git-v2-fetch-progress": fetched(7, 1015),
  "git-v2-fetch-acknowledgments-ready": fetched(3, 786),
  "git-v0-fetch-nak": fetched(7, 1015, 0),
  "git-v0-fetch-ack": fetched(3, 786, 0),
  "git-v2-fetch-acknowledgments-nak": { ...fetched(0, 0), code: "malformed-answer" },
  "git-v2-fetch-not-our-ref": { ...fetched(0, 0), code: "busy" },
  "jgit-v2-err-want-not-valid": { ...fetched(0, 0), code: "busy" },
  "jgit-v2-err-unexpected-unborn": { ...listed(NOTHING), code: "request-refused" },
  "jgit-v2-err-unavailable": { ...advertised(NOTHING), code: "request-refused" },
  "git-report-ok": reported(false, "ok", ["refs/heads/a"], ["refs/heads/b"]),
  "git-report-ok-and-ng": reported(false, "ok", ["refs/heads/c"], STALE),
  "git-report-sideband-ok": reported(true, "ok", ["refs/heads/d"]),
  "git-report-sideband-ok-and-ng": reported(LOCKED, "ok", ["refs/heads/e"], STALE),
  "git-report-v2-ok-and-ng": reported(LOCKED, "ok", ["refs/heads/f"], STALE),
  "git-report-v2-options": reported(true, "ok", ["refs/heads/h"], ["refs/for/main"]),
  "git-report-delete-only": reported(true, "ok", ["refs/heads/a"]),
  "git-report-unpack-error": reported("fatal: early EOF\n", "unpack-objects abnormal exit", [
    "refs/heads/g",
    "unpacker error",
  ]),
  "git-report-pre-receive-declined": reported(
    "refs/heads/i is protected\n",
    "ok",
    ["refs/heads/i", "pre-receive hook declined"],
    ["refs/heads/j", "pre-receive hook declined"],
  ),
  "git-report-sideband-text": reported("See https://example.com/merge/1\n", "ok", ["refs/heads/k"]),
  "jgit-report-sideband-ng": reported(
    "Processing changes: refs: 2\n",
    "ok",
    ["refs/heads/main"],
    ["refs/heads/other", "prohibited by Gerrit: not permitted: create"],
  ),
  "jgit-report-sideband-unpack-error": reported(true, "error Missing delta base", [
    "refs/heads/main",
    "n/a (unpacker error)",
  ]),
};

function advertised(value: unknown): Recorded {
  return { read: readAdvertisedRefs, value };
}

function listed(value: unknown): Recorded {
  return { read: (chunks) => readListedRefs(chunks), value };
}

/** A v2 advertisement has no refs: it is proved by the list that is asked for next. */
function v2Then(): Recorded {
  const main = packets(`${TIP} refs/heads/main\n`, "0000");
  return {
    read: (chunks) =>
      sourceOf({ uploadAdvertisement: chunks, uploadPack: [main] }).readRefs({
        prefixes: ["refs/heads/"],
        keep: () => true,
      }),
    value: { refs: new Map([["refs/heads/main", TIP]]), symbolic: new Set() },
  };
}

function fetched(objects: number, bytes: number, version: 0 | 2 = 2): Recorded {
  return {
    read: async (chunks, partial) => {
      await fetchInto(partial, chunks, version);
      const pack = Buffer.concat(partial);
      const sum = createHash("sha1").update(pack.subarray(0, -20)).digest();
      return { ...parsePackHeader(pack), bytes: pack.length, whole: sum.equals(pack.subarray(-20)) };
    },
    value: { objects, bytes, whole: true },
  };
}

/** `sideband`: what the host printed there, true for nothing, false for an answer without side-band. */
function reported(sideband: string | boolean, unpack: string, ...results: [ref: string, reason?: string][]): Recorded {
  const messages = typeof sideband === "string" ? sideband : "";
  const entries = results.map(([ref, reason]) => [ref, reason === undefined ? { ok: true } : { ok: false, reason }]);
  return {
    read: (chunks) => pushAndRead(chunks, sideband !== false, results.length),
    value: { unpack, results: new Map(entries as [string, unknown][]), messages },
  };
}
