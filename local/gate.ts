// Lets so many calls run at once and the rest wait in order, as a Lambda's reserved concurrency does.

export type Gate = <T>(call: () => Promise<T>) => Promise<T>;

export function makeGate(limit: number): Gate {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (call) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await call();
    } finally {
      // The place goes on to the next in line, so that nobody who comes later takes it.
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
