// The Git server of a measurement in a process of its own: its work is not in the measuring process's event loop.
// Serves the folder given as argument, `/a/NAME` too, and lists `project` as Gerrit's REST does; ends with its parent.
import { respond, startGitServer } from "../test/support/git-server.ts";

const PROJECTS = `)]}'\n${JSON.stringify({ project: { id: "project", state: "ACTIVE" } })}\n`;

const server = await startGitServer({
  root: process.argv[2] ?? "",
  stripPrefix: "/a",
  onRequest: (record) =>
    record.path === "/projects/"
      ? { answer: (exchange) => respond(exchange, 200, { "content-type": "application/json" }, PROJECTS) }
      : undefined,
});
process.once("disconnect", () => void server.close().then(() => process.exit(0)));
process.send?.(server.url);
