// A taskboard in a process of its own, which a scenario may stop and start again.

import { spawn } from "node:child_process";
import { once } from "node:events";

export class Server {
  /** program is the taskboard's file, db that of its database. */
  constructor(program, db) {
    this.program = program;
    this.db = db;
    this.addr = "127.0.0.1:0";
  }

  get base() {
    return `http://${this.addr}`;
  }

  /** Starts it, again on the address that it had before, and waits until it is ready. */
  async start() {
    this.process = spawn(this.program, ["-addr", this.addr, "-db", this.db], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    this.process.stderr.on("data", (chunk) => (said += chunk)); // the access log
    this.ended = once(this.process, "exit");
    for await (const chunk of this.process.stdout.iterator({ destroyOnReturn: false })) {
      said += chunk;
      const found = /listens on http:\/\/(127\.0\.0\.1:\d+)/.exec(said);
      if (found && said.includes("Ctrl-C")) {
        this.addr = found[1];
        this.process.stdout.resume();
        return;
      }
    }
    throw new Error(`the taskboard did not start: ${said}`);
  }

  /** Asks it to stop and waits until it has. */
  async stop() {
    this.process.kill("SIGTERM");
    const [code, signal] = await this.ended;
    if (code !== 0) throw new Error(`the taskboard ended with ${code ?? signal}`);
  }

  /** Ends it at once. */
  async kill() {
    this.process?.kill("SIGKILL");
    await this.ended;
  }

  /** Sends a request and returns its answer, if that is a success. */
  async api(method, path, body) {
    const headers = body && { "Content-Type": "application/json" };
    const response = await fetch(this.base + path, { method, headers, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? null : response.json();
  }
}
