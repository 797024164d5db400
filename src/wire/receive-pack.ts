// The push request's commands and the report (gitprotocol-pack).
//   command = old-id SP new-id SP name [NUL capabilities on the first]; then flush, then the pack (none for deletes alone)
//   report  = unpack-status *(ok SP ref *option / ng SP ref SP reason) flush
import { MirrorError } from "../errors.ts";
import type { CommandResult, RefUpdate } from "../model/report.ts";
import { latin1Part, latin1Text, trimLf } from "./bytes.ts";
import { encodeLines, FLUSH_PKT, type Packet } from "./pkt-line.ts";

const ZERO = "0".repeat(40);

/** Throws `internal` before writing anything when a ref is named twice (receive-pack refuses the whole push) or the list is empty. */
export function encodeCommands(updates: readonly RefUpdate[], capabilities: readonly string[]): Uint8Array {
  const names = new Set(updates.map((update) => update.ref));
  if (updates.length === 0 || names.size !== updates.length) {
    throw new MirrorError("internal", `A push of ${updates.length} commands for ${names.size} refs was to be written.`);
  }
  return encodeLines({ [Symbol.iterator]: () => commandLines(updates, capabilities) }, FLUSH_PKT);
}

function* commandLines(updates: readonly RefUpdate[], capabilities: readonly string[]): Generator<string> {
  for (const [index, update] of updates.entries()) {
    const old = update.kind === "create" ? ZERO : update.old;
    const next = update.kind === "delete" ? ZERO : update.new;
    const command = `${old} ${next} ${update.ref}`;
    yield index === 0 ? `${command}\0 ${capabilities.join(" ")}` : command;
  }
}

const OK: CommandResult = { ok: true };

export type PushReport = {
  /** "ok", or what the server said instead. */
  unpack: string;
  /** By ref name, as the server named it. */
  results: Map<string, CommandResult>;
};

/** Reads report-status or report-status-v2 packet by packet; `done` is true after the flush-pkt. Throws `malformed-answer`. */
export class ReportDecoder {
  done = false;
  #unpack: string | undefined;
  #last: CommandResult | undefined;
  readonly #results = new Map<string, CommandResult>();
  readonly #commandsMax: number;

  /** `commandsMax`: how many commands were sent; more answers than that are refused. */
  constructor(commandsMax: number) {
    this.#commandsMax = commandsMax;
  }

  decode(packet: Packet): void {
    if (this.done) throw new MirrorError("malformed-answer", "A packet came after the report's flush-pkt.");
    if (packet.kind === "flush") {
      if (this.#unpack === undefined) throw new MirrorError("malformed-answer", "The report has no unpack line.");
      this.done = true;
      return;
    }
    if (packet.kind !== "data")
      throw new MirrorError("malformed-answer", `A ${packet.kind}-pkt came inside the report.`);
    const line = trimLf(latin1Text(packet.payload));
    if (line.startsWith("ERR ")) throw new MirrorError("request-refused", `The server said: ${line.slice(4)}`);
    if (this.#unpack === undefined) this.#unpackLine(line);
    else this.#commandLine(line, packet.payload);
  }

  /** Throws `malformed-answer` unless the report ended with its flush-pkt. */
  report(): PushReport {
    if (!this.done || this.#unpack === undefined)
      throw new MirrorError("malformed-answer", "The report ended without its flush-pkt.");
    return { unpack: this.#unpack, results: this.#results };
  }

  #unpackLine(line: string): void {
    if (!line.startsWith("unpack ")) throw malformed(line);
    this.#unpack = line.slice(7);
  }

  #commandLine(line: string, payload: Uint8Array): void {
    const [word, ref, ...reason] = line.split(" ");
    if (word === "option" && this.#last !== undefined) return;
    if (ref === undefined || ref === "" || (word !== "ok" && word !== "ng")) throw malformed(line);
    if (this.#results.has(ref) || this.#results.size >= this.#commandsMax) {
      throw new MirrorError(
        "malformed-answer",
        `The report answers for ${JSON.stringify(ref.slice(0, 200))} once too often.`,
      );
    }
    this.#last = word === "ok" ? OK : { ok: false, reason: reason.join(" ") || "no reason given" };
    this.#results.set(latin1Part(payload, 3, 3 + ref.length), this.#last);
  }
}

export function encodeReport(report: PushReport): Uint8Array {
  const lines = [...report.results].map(([ref, result]) => (result.ok ? `ok ${ref}` : `ng ${ref} ${result.reason}`));
  return encodeLines(
    [`unpack ${report.unpack}`, ...lines].map((line) => `${line}\n`),
    FLUSH_PKT,
  );
}

function malformed(line: string): MirrorError {
  const shown = JSON.stringify(line.slice(0, 200));
  return new MirrorError(
    "malformed-answer",
    `The report has the line ${shown}; expected "unpack ...", "ok REF" or "ng REF reason".`,
  );
}
