// How the quick and the whole suite run: two workers, since the machine the suite is sized for has two cores.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Slow proofs and those that need Java have configurations and npm scripts of their own.
    exclude: ["test/slow/**", "test/real-gerrit/**"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
