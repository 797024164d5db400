// What is wrong in a configuration, as lines for a person: the path, the value and what is allowed; never a secret.

/** `value` undefined: the field is missing. `allowed`: the last key of the path is unknown; these are known. */
export type Problem = { path: PropertyKey[]; value: unknown; expected: string; allowed?: string[] };

/** Longest value shown, in characters. */
const SHOWN_MAX = 100;

export function describeProblem({ path, value, expected, allowed }: Problem): string {
  const where = describePath(path);
  if (allowed !== undefined) {
    const near = nearest(String(path.at(-1)), allowed);
    const hint = near === undefined ? "" : ` (did you mean ${JSON.stringify(near)}?)`;
    return `${where}: unknown key; expected one of ${listOf(allowed)}${hint}`;
  }
  if (value === undefined) return `${where}: missing; expected ${expected}`;
  return `${where}: ${showValue(path, value)} is not allowed; expected ${expected}`;
}

/** `"a", "b", "c"` */
export function listOf(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(", ");
}

function describePath(path: PropertyKey[]): string {
  if (path.length === 0) return "(the whole file)";
  const steps = path.map((step) => {
    if (typeof step === "number") return `[${step}]`;
    return /^[\w$-]{1,60}$/.test(String(step)) ? `.${String(step)}` : `[${cut(redact(JSON.stringify(step)))}]`;
  });
  return steps.join("").replace(/^\./, "");
}

/** Keys whose values may be a secret that was written where its name belongs. */
const SECRET_KEY = /secret|token|password|credential|auth/i;

function showValue(path: PropertyKey[], value: unknown): string {
  if (path.some((step) => typeof step === "string" && /secret$/i.test(step))) return "the value (not shown)";
  if (typeof value === "number") return String(value);
  const json = JSON.stringify(value, (key, inner: unknown) => (SECRET_KEY.test(key) ? "[secret]" : inner));
  return cut(redact(json));
}

/** In each string of a JSON text: what may be a user and password before `@`, and a URL's query or fragment. */
function redact(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"/g, (literal) =>
    literal.replace(/^".*(?::|\/\/).*@/, '"[secret]@').replace(/(:\/\/[^?#]*|@[^?#]*)[?#].*"$/, '$1?[secret]"'),
  );
}

function cut(text: string): string {
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX - 3).toWellFormed()}...`;
}

/** The candidate that differs least, where that is half of its letters at most. */
function nearest(text: string, candidates: string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({
      candidate,
      distance: editDistance(text.slice(0, 60).toLowerCase(), candidate.toLowerCase()),
    }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= best.candidate.length / 2 ? best.candidate : undefined;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
