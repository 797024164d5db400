// Counts a server's silence, but only while it is the server's turn: whoever keeps it waiting has a clock of its own.
import type { ClientRequest } from "node:http";
import { MirrorError } from "../errors.ts";

export type SilenceClock = { pause(): void; resume(): void };

/** Runs from the connection on. `strike` gets the error, `timed-out`, at most once for each silence. */
export function startSilenceClock(
  outgoing: ClientRequest,
  idleMs: number,
  strike: (silence: MirrorError) => void,
): SilenceClock {
  let paused = false;
  const onTimeout = (): void => {
    if (!paused) strike(new MirrorError("timed-out", `No byte came for ${idleMs / 1000} s.`));
  };
  // Not `outgoing.setTimeout`, which listens once: a strike during a pause would be the last.
  outgoing.once("socket", (socket) => {
    const begin = (): void => void socket.setTimeout(idleMs);
    socket.on("timeout", onTimeout);
    if (socket.connecting) socket.once("connect", begin);
    else begin();
    outgoing.once("close", () => socket.off("timeout", onTimeout).setTimeout(0));
  });
  return {
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      // What went by counts for nothing, and a socket's timer strikes only once until it is begun anew.
      if (outgoing.socket?.connecting === false) outgoing.socket.setTimeout(idleMs);
    },
  };
}
