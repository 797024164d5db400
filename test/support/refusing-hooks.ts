// Hooks that refuse as hosts do: the whole push because of one ref, or one ref among others.
import { installHook } from "./repositories.ts";

/** A pre-receive hook that refuses the whole push when the ref is among its commands; `named` says which one it was. */
export async function refusePushWith(repo: string, ref: string, options: { named: boolean }): Promise<void> {
  const text = options.named ? `protected: ${ref}` : "protected";
  const script = `#!/bin/sh
while read -r old new ref; do
  if [ "$ref" = ${quote(ref)} ]; then echo ${quote(text)} >&2; exit 1; fi
done
`;
  await installHook(repo, "pre-receive", script);
}

/** An update hook that refuses the one ref; the others of the push move. */
export async function refuseRef(repo: string, ref: string): Promise<void> {
  await installHook(repo, "update", `#!/bin/sh\n[ "$1" != ${quote(ref)} ] || { echo protected >&2; exit 1; }\n`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
