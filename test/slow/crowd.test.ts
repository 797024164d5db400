// The crowd of the plan: a thousand jobs for two hundred repositories at once on two workers.
import { test } from "vitest";
import { mirrorCrowd } from "../support/crowd.ts";

test("a thousand jobs for two hundred repositories: all equal, none handled by two at once", async () => {
  await mirrorCrowd({ repositories: 200, jobs: 1_000, milliseconds: 150_000 });
}, 180_000);
