// What one side lists: its refs with their values, told apart from symbolic refs.
import type { Oid } from "./oid.ts";

export type RefList = {
  /** Ref name (latin1 bytes) -> value; neither HEAD nor symbolic refs. Names are as the server wrote them. */
  refs: Map<string, Oid>;
  /** Names of symbolic refs other than HEAD: they are left alone. */
  symbolic: Set<string>;
  /** HEAD's value; absent when HEAD points nowhere or was not asked for. */
  head?: Oid;
};
