// A taskboard in a process of its own, which a scenario may stop and start again.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, writeFileSync } from "node:fs";

/** The people of every board. The password of each is "secret of" and the name. */
export const people = { Ada: "admin", Grace: "member", "Grace Hopper": "member", Linus: "member", Vera: "viewer" };

/** Ada's key, which scenarios use for what no page does. */
export const key = "0123456789abcdef-scenarios";

export class Server {
  /** program is the taskboard's file, db that of its database. */
  constructor(program, db) {
    this.program = program;
    this.db = db;
    this.addr = "127.0.0.1:0";
  }

  /**
   * Makes a database with the people, who have all signed in once, and returns their cookies:
   * to hash passwords takes its time, so that scenarios begin with copies of it.
   */
  async prepare() {
    const file = `${this.db}.txt`;
    writeFileSync(file, Object.entries(people).map(([name, role]) => `${name}:${role}:secret of ${name}:${name === "Ada" ? key : ""}`).join("\n"));
    await this.start("-people", file);
    const cookies = {};
    for (const name of Object.keys(people)) cookies[name] = await this.signIn(name);
    await this.stop();
    return cookies;
  }

  /** Takes what prepare has made in another database. */
  copy({ db }) {
    for (const part of ["", "-sessions"]) copyFileSync(db + part, this.db + part);
  }

  /** Signs somebody in and returns the cookie's value. */
  async signIn(name) {
    const body = new URLSearchParams({ name, password: `secret of ${name}` });
    const response = await fetch(`${this.base}/login`, { method: "POST", body, redirect: "manual" });
    const cookie = /^sid=([^;]+)/.exec(response.headers.getSetCookie()[0]);
    if (response.status !== 303 || !cookie) throw new Error(`${name} cannot sign in: ${response.status} ${await response.text()}`);
    return cookie[1];
  }

  get base() {
    return `http://${this.addr}`;
  }

  /** Starts it, again on the address that it had before, and waits until it is ready. */
  async start(...more) {
    this.process = spawn(this.program, ["-addr", this.addr, "-db", this.db, "-rate", "0", ...more], { stdio: ["ignore", "pipe", "pipe"] });
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
    const headers = { Authorization: `Bearer ${key}`, ...(body && { "Content-Type": "application/json" }) };
    const response = await fetch(this.base + path, { method, headers, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? null : response.json();
  }
}
