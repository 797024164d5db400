// A host that prints what it was sent: no part of a push's answer shows the credential.
import { expect, test } from "vitest";
import type { Oid } from "../../src/model/oid.ts";
import type { RefName } from "../../src/model/ref.ts";
import type { RefUpdate } from "../../src/model/report.ts";
import { Secret } from "../../src/model/secret.ts";
import { createRemoteMemory, openMirror } from "../../src/remote/open.ts";
import { concatBytes, latin1Bytes } from "../../src/wire/bytes.ts";
import { FLUSH_PKT } from "../../src/wire/pkt-line.ts";
import { encodeSideband } from "../../src/wire/sideband.ts";
import { packets, serve, URL_OF_SIDE } from "./serve-bytes.ts";

const BASIC = `Basic ${Buffer.from("robot:pass/w@rd").toString("base64")}`;

const UPDATES = [0, 1, 2].map((index): RefUpdate => {
  return { kind: "delete", ref: `refs/heads/${index}` as RefName, old: "a".repeat(40) as Oid };
});

test.each([BASIC, "Bearer token-of-a-robot"])("%s", async (authorization) => {
  const words = `you sent ${authorization}`;
  const report = packets(
    `unpack ${words}\n`,
    ...["ok refs/heads/0\n", `ng refs/heads/1 ${words}\n`, `ng refs/heads/2 ${words}\n`, "0000"],
  );
  const answer = concatBytes([
    encodeSideband(2, latin1Bytes(`remote: ${words} of robot:pass/w@rd\n`)),
    encodeSideband(1, report),
    FLUSH_PKT,
  ]);
  const endpoint = { side: "mirror", url: URL_OF_SIDE, authorization: async () => new Secret(authorization) } as const;
  const mirror = openMirror(serve({ receivePack: [answer] }).http, endpoint, createRemoteMemory());
  const features = { thin: true, ofsDelta: true, sideband: true, capabilities: ["report-status", "side-band-64k"] };
  const { unpack, messages, results } = await mirror.push(UPDATES, features, { kind: "none" });
  expect(unpack).toBe("you sent [secret]");
  expect(messages).toContain("remote: you sent [secret]");
  expect([...results]).toEqual([
    ["refs/heads/0", expect.objectContaining({ ok: true })],
    ["refs/heads/1", { ok: false, reason: "you sent [secret]" }],
    ["refs/heads/2", { ok: false, reason: "you sent [secret]" }],
  ]);
  const shown = `${unpack}${messages}${JSON.stringify([...results])}`;
  expect(shown).not.toContain(authorization.slice(authorization.indexOf(" ") + 1));
  if (authorization === BASIC) expect(shown).not.toContain("pass/w@rd");
});
