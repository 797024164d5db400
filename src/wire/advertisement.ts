// What `info/refs` answers: protocol v2's capabilities, or v0/v1's list of refs (also receive-pack's), each ending with a flush-pkt.
//   v0: [# service=NAME LF flush] first-ref LF = OID SP NAME NUL capabilities; other-ref = OID SP NAME; peeled = OID SP NAME^{}
//   v2: [# service=NAME LF flush] "version 2" capability-lines flush     (gitprotocol-http, gitprotocol-v2)
import { MirrorError } from "../errors.ts";
import { isOid, type Oid } from "../model/oid.ts";
import { concatBytes, latin1Text, trimLf } from "./bytes.ts";
import {
  CAPABILITIES_MAX,
  type Capabilities,
  checkObjectFormat,
  formatCapability,
  formatCapabilityWords,
  parseCapability,
  parseCapabilityWords,
  tooMany,
} from "./capabilities.ts";
import { encodeLines, encodePacket, FLUSH_PKT, type Packet } from "./pkt-line.ts";

export type AdvertisedRef = { name: string; oid: Oid };
export type Service = "git-upload-pack" | "git-receive-pack";

const ZERO = "0".repeat(40);

/**
 * Reads an advertisement packet by packet; the refs of v0/v1 come out one by one. `done` is true after the final
 * flush-pkt: without it the list must not be used.
 */
export class AdvertisementDecoder {
  version: 0 | 2 = 0;
  capabilities: Capabilities = new Map();
  done = false;
  #begun = false;
  #sawService = false;
  #pending: [string, string][] = [];

  /** A ref of v0/v1, or undefined for any other packet. Throws `malformed-answer`, `request-refused` (ERR) or `unsupported`. */
  decode(packet: Packet): AdvertisedRef | undefined {
    if (this.done) throw new MirrorError("malformed-answer", "A packet came after the advertisement's flush-pkt.");
    if (packet.kind === "flush") return this.#flush();
    if (packet.kind !== "data")
      throw new MirrorError("malformed-answer", `A ${packet.kind}-pkt came inside the advertisement.`);
    const line = trimLf(latin1Text(packet.payload));
    if (line.startsWith("ERR ")) throw new MirrorError("request-refused", `The server said: ${line.slice(4)}`);
    if (this.#begun) return this.version === 2 ? this.#capability(line) : this.#ref(line);
    // Only Git's own server sends the service line; JGit's v2 and Bitbucket Data Center leave it out (docs/protocol.md).
    if (line.startsWith("# service=") && !this.#sawService) {
      this.#sawService = true;
      return undefined;
    }
    return this.#first(line);
  }

  #flush(): undefined {
    if (!this.#begun && this.#sawService) {
      this.#sawService = false;
      return;
    }
    this.done = true;
    if (this.version === 2) this.capabilities = new Map(this.#pending);
  }

  #first(line: string): AdvertisedRef | undefined {
    if (line === "version 1") return undefined;
    this.#begun = true;
    if (line === "version 2") {
      this.version = 2;
      return undefined;
    }
    const nul = line.indexOf("\0");
    if (nul === -1) throw malformed(line);
    this.capabilities = parseCapabilityWords(line.slice(nul + 1));
    // Before the ids are read: those of another object format are no oids of ours.
    checkObjectFormat(this.capabilities);
    const ref = line.slice(0, nul);
    return ref === `${ZERO} capabilities^{}` ? undefined : this.#ref(ref);
  }

  #capability(line: string): undefined {
    this.#pending.push(parseCapability(line));
    if (this.#pending.length > CAPABILITIES_MAX) throw tooMany(this.#pending.length);
  }

  #ref(line: string): AdvertisedRef | undefined {
    const oid = line.slice(0, 40);
    const name = line.slice(41);
    if (line.startsWith("shallow "))
      throw new MirrorError("unsupported", "The repository is shallow; a shallow history cannot be mirrored.");
    if (!isOid(oid) || line.charAt(40) !== " " || name === "" || /[\0 ]/.test(name)) throw malformed(line);
    // Peeled values of tags and objects of other repositories (`.have`) are no refs.
    return name.endsWith("^{}") || name === ".have" ? undefined : { name, oid };
  }
}

export function encodeV2Advertisement(capabilities: Capabilities): Uint8Array {
  const lines = ["version 2", ...[...capabilities].map(formatCapability)];
  return concatBytes([encodeLines(lines.map((line) => `${line}\n`)), FLUSH_PKT]);
}

export function encodeV0Advertisement(
  service: Service,
  refs: readonly AdvertisedRef[],
  capabilities: Capabilities,
): Uint8Array {
  const words = formatCapabilityWords(capabilities);
  const lines = refs.length === 0 ? [`${ZERO} capabilities^{}`] : refs.map(({ name, oid }) => `${oid} ${name}`);
  const packets = encodeLines(lines.map((line, index) => (index === 0 ? `${line}\0${words}\n` : `${line}\n`)));
  return concatBytes([encodePacket(`# service=${service}\n`), FLUSH_PKT, packets, FLUSH_PKT]);
}

function malformed(line: string): MirrorError {
  const shown = JSON.stringify(line.slice(0, 200));
  return new MirrorError("malformed-answer", `The advertisement has the line ${shown}; expected "OID NAME".`);
}
