// Packs in the form that the mirror takes: thin or self-contained, with or without offset deltas, and again when it refused one.
import { Transform } from "node:stream";
import { describe, expect, test } from "vitest";
import type { OnRequest } from "../support/git-server.ts";
import { commit } from "../support/repositories.ts";
import { named, type Story, startStory } from "./story.ts";

const MAIN = "refs/heads/main";

/** The bodies of the source's fetch requests, as they come. */
function watchFetches(story: Story): string[] {
  const bodies: string[] = [];
  story.hooks.push(async ({ path, service }, { request }) => {
    if (service !== "fetch" || !path.includes("/source.git")) return undefined;
    const body = request.read() as Buffer | null;
    if (body !== null) request.unshift(body);
    bodies.push(body?.toString("latin1") ?? "");
    return undefined;
  });
  return bodies;
}

/** Changes the capabilities of the mirror's receive-pack advertisement on their way. */
function advertise(change: (words: string) => string): OnRequest {
  return async ({ service }) =>
    service === "receive-pack-advertisement" ? { through: () => edit(change) } : undefined;
}

function edit(change: (words: string) => string): Transform {
  const chunks: Buffer[] = [];
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
    flush(done) {
      const text = Buffer.concat(chunks).toString("latin1");
      // "# service" line, flush-pkt, then the first ref with the capabilities behind its NUL.
      const edited = text.replace(/(?<=0000)[0-9a-f]{4}([^\0]*\0)([^\n]*)\n/, (_all, ref: string, words: string) => {
        const line = `${ref}${change(words)}\n`;
        return `${(line.length + 4).toString(16).padStart(4, "0")}${line}`;
      });
      done(null, Buffer.from(edited, "latin1"));
    },
  });
}

/** A mirror whose next update is a small change of a file that deltifies well. */
async function changedStory(): Promise<Story> {
  const story = await startStory();
  const lines = Array.from({ length: 5_000 }, (_, line) => `line ${line} of a file\n`);
  await commit(story.source, { files: { "long.txt": lines.join("") } });
  expect((await story.run()).report.outcome).toBe("equal");
  await commit(story.source, { files: { "long.txt": lines.with(2_500, "changed\n").join("") } });
  story.forget();
  return story;
}

describe("the form of the pack", () => {
  test("is thin with offset deltas where the mirror takes that", async () => {
    await using story = await changedStory();
    const fetches = watchFetches(story);
    const { report } = await story.run();
    expect(report.outcome).toBe("equal");
    expect(report.bytes.sent).toBeLessThan(1_000);
    expect(fetches.map((body) => [body.includes("thin-pack"), body.includes("ofs-delta")])).toEqual([[true, true]]);
    await story.prove();
  });

  test.each([
    ["no-thin", (words: string) => `${words} no-thin`, [false, true]],
    ["no ofs-delta", (words: string) => words.replace(/ ?\bofs-delta\b/, ""), [true, false]],
  ] as const)("follows a mirror that advertises %s; a warm process fetches once", async (_what, change, form) => {
    await using story = await changedStory();
    const fetches = watchFetches(story);
    story.hooks.push(advertise(change));
    story.memory.pushes.drop(story.urlOf("mirror"));
    expect((await story.run()).report.outcome).toBe("equal");
    const formOf = (body: string | undefined) => [body?.includes("thin-pack"), body?.includes("ofs-delta")];
    expect(formOf(fetches.at(-1))).toEqual(form);
    await story.prove();
    await commit(story.source, { files: { "a.txt": "warm\n" } });
    fetches.length = 0;
    expect((await story.narrow([named(MAIN)])).report.outcome).toBe("equal");
    expect(fetches.map(formOf)).toEqual([form]);
    await story.prove();
  });

  test("an unresolved delta is tried once more with a pack that stands alone", async () => {
    await using story = await changedStory();
    const fetches = watchFetches(story);
    story.rules.push({
      on: "receive-pack",
      fault: { kind: "unpack-error", message: "unresolved deltas left after unpacking" },
    });
    const { report } = await story.run();
    expect(report.outcome).toBe("equal");
    expect(fetches.map((body) => body.includes("thin-pack"))).toEqual([true, false]);
    expect(story.requests("mirror", "receive-pack")).toHaveLength(2);
    await story.prove();
  });

  test("one that is refused both times is reported in the host's words", async () => {
    await using story = await changedStory();
    story.rules.push({
      on: "receive-pack",
      fault: { kind: "unpack-error", message: "index-pack abnormal exit" },
      times: 9,
    });
    const { report } = await story.run();
    expect(report.outcome).not.toBe("equal");
    expect(report.error?.code).toBe("unpack-failed");
    expect(report.error?.message).toContain("index-pack abnormal exit");
    expect(story.requests("mirror", "receive-pack")).toHaveLength(2);
  });
});
