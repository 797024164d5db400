// Shows that long work goes on: a line that rewrites itself on a terminal, a line now and then elsewhere. On stderr.
import type { PackBytes } from "../src/transfer/relay.ts";
import { formatBytes } from "./format.ts";

/** Work that ends before this shows nothing. */
const QUIET_MS = 1_000;
const TERMINAL_MS = 200;
const LINE_MS = 10_000;

export function showProgress(label: string, bytes: PackBytes): { end(): void } {
  const terminal = process.stderr.isTTY;
  const begun = Date.now();
  let shown = false;
  const timer = setInterval(
    () => {
      if (Date.now() - begun < QUIET_MS) return;
      shown = true;
      const text = `${label}: ${phaseOf(bytes)} (${Math.round((Date.now() - begun) / 1000)} s)`;
      process.stderr.write(terminal ? `\r\x1b[K${text}` : `${text}\n`);
    },
    terminal ? TERMINAL_MS : LINE_MS,
  );
  return {
    end() {
      clearInterval(timer);
      if (terminal && shown) process.stderr.write("\r\x1b[K");
    },
  };
}

function phaseOf({ fetched, sent }: PackBytes): string {
  if (fetched === 0) return "reading refs";
  return `${formatBytes(fetched)} fetched, ${formatBytes(sent)} sent`;
}
