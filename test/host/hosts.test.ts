// The table of hosts.
import { expect, test } from "vitest";
import { HOST_NAMES, HOSTS } from "../../src/host/hosts.ts";

test("every host but CodeCommit takes a bare token", () => {
  expect(HOST_NAMES.filter((host) => HOSTS[host].token === undefined)).toEqual(["codecommit"]);
});
