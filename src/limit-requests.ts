// Bounds how many requests a server works on at once; a slot is free again when the answer begins.
import type { HttpClient } from "./ports.ts";

/**
 * All clients wrapped by one limit share its slots. Git servers do their work before the answer's first byte. The slot is
 * not kept while the answer is read: a slow mirror, which slows that reading, must not keep others from the source.
 */
export function makeLimit(atOnce: number): (http: HttpClient) => HttpClient {
  let free = atOnce;
  const waiting: (() => void)[] = [];
  return (http) => async (request) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    try {
      return await http(request);
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
