#!/usr/bin/env node
// The operator's command: picks the sub-command's file, prints what went wrong, sets the exit code. JavaScript behind a symbolic
// link of the command's name (`gerrit-mirror.ts`): Node runs what the link points to, and so the start does not load the type
// stripper (40 ms, 16 to 30 MB); all other files come stripped and compiled from the cache below.
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";

// The second start takes half as long. The cache is in the user's own folder: code in the common temporary folder could be
// anybody's, and this process holds credentials.
const { XDG_CACHE_HOME, NODE_COMPILE_CACHE } = process.env;
const caches = XDG_CACHE_HOME || cacheOfHome();
if (NODE_COMPILE_CACHE || caches) enableCompileCache(NODE_COMPILE_CACHE || `${caches}/gerrit-mirror/compiled`);
const { run } = await import("./run.ts");
process.exitCode = await run(process.argv.slice(2), process.env);

/** A user without a home, as containers make them, starts slowly. */
function cacheOfHome() {
  try {
    return `${homedir()}/.cache`;
  } catch {
    return undefined;
  }
}
