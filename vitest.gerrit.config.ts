// How the stories on a real Gerrit server run: one file after the other, since each starts a server of its own.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/real-gerrit/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
