// The table that the server and its clients are tested with, seen from this client.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { enter, open, pass, settle, Store } from "./fake.js";

const table = JSON.parse(readFileSync(new URL("../testdata/vectors.json", import.meta.url)));
const session = "vectors-session-1";
const unhex = (hex) => Uint8Array.from(hex.replace(/ /g, "").match(/../g), (b) => parseInt(b, 16));
const hex = (bytes) => Buffer.from(bytes).toString("hex");

describe("a frame of the server says the same in both encodings", () => {
  for (const { name, json, binary } of table.frames.filter((f) => f.from === "server")) {
    test(name, async (t) => {
      const [kind, to] = JSON.parse(json);
      const heard = [];
      for (const message of [json, unhex(binary).buffer]) {
        const { client, room, socket, errors } = await enter(t, { binary: true }, {}, { name: to === 3 ? "a" : to || "a", offset: 0 });
        for (const on of [client, room]) on.on("message", (m) => heard.push(m));
        socket.say(message);
        assert.deepEqual(errors, []);
      }
      assert.equal(heard.length, kind === "ok" ? 0 : 2);
      assert.deepEqual(heard[0], heard[1]);
    });
  }
});

describe("a frame of the client is what the table says", () => {
  for (const { name, json, binary } of table.frames.filter((f) => f.from === "client" && f.json.startsWith('["pub"'))) {
    for (const compact of [false, true]) {
      test(`${name}, ${compact ? "compact" : "JSON"}`, async (t) => {
        const [kind, ref, room, data, { since, ...options } = {}] = JSON.parse(json);
        const storage = new Store(); // the publish is what a reload has left over
        storage.setItem("geist", JSON.stringify({ session, ref, outbox: [[[kind, ref, room, data, options], since]] }));
        const { socket, first } = await enter(t, { binary: compact, storage });
        const sent = [...first.slice(2), ...(await socket.take())];
        assert.deepEqual(sent.length, 1);
        if (compact) assert.equal(hex(sent[0]), binary.replace(/ /g, ""));
        else assert.deepEqual(sent[0], JSON.parse(json));
      });
    }
  }
});

describe("a conversation goes as the table says", () => {
  let whole = 0;
  for (const { name, steps } of table.conversations) {
    test(name, async (t) => {
      if (await new Talk(t, steps).hold()) whole++;
    });
  }
  test("and most of them to their end", () => assert.ok(whole >= 11, `${whole} of ${table.conversations.length}`));
});

// Elements that are null at the end are those that are missing.
const trim = (frame) => frame.slice(0, 1 + frame.findLastIndex((e) => e !== null));

/** One conversation. Frames that nothing makes a client send are for the server's test: there its part ends. */
class Talk {
  bound = {};
  events = [];
  doing = 0; // calls of the API whose frame has not been seen yet

  constructor(t, steps) {
    const { token } = steps.find((s) => s.send?.[0] === "hello")?.send[1] ?? {};
    const storage = new Store();
    storage.setItem("geist", JSON.stringify({ session }));
    Object.assign(this, { t, steps, rooms: {} }, open(t, { storage, token: token && (async () => token) }));
    const asked = steps.find((s) => s.server === "ask");
    this.client.on("ask", (data, event) => {
      this.events.push({ expect: "ask", data, event });
      return asked.answer;
    });
  }

  async hold() {
    await settle();
    this.socket = this.net.last.accept();
    if (this.steps.find((s) => s.send).send[0] !== "hello") return false;
    for (const step of this.steps) {
      if (step.send && !(await this.send(step.send))) return false;
      if (step.recv) this.socket.say(this.bind(step.recv));
      if (step.do && !this.do(step)) return false;
      if (step.expect) this.expect(step);
      if (step.cut) {
        this.socket.cut();
        this.socket = null;
      }
      await settle();
    }
    return true;
  }

  async send(want) {
    if (!this.socket) {
      await pass(200);
      this.socket = this.net.last.accept();
      await settle();
    }
    const got = this.socket.sent.shift();
    if (!got) assert.equal(this.doing, 0, `nothing was sent for ${JSON.stringify(want)}`);
    else assert.deepEqual(trim(got), trim(this.bind(want)));
    this.doing = Math.max(0, this.doing - 1);
    return !!got;
  }

  do({ do: what, room: name, name: call, data, options }) {
    const room = this.rooms[name];
    if (!room && what !== "join" && what !== "call") return false; // a client publishes where it is
    this.doing++;
    if (what === "join") this.listen((this.rooms[name] = this.client.join(name, options)));
    else if (what === "call") this.client.call(call, data).catch(() => {});
    else if (what === "publish") room.publish(data, options).catch(() => {});
    else if (what === "leave") room.leave();
    else assert.fail(`nobody knows how to ${what}`);
    return true;
  }

  listen(room) {
    room.on("message", ({ data, event }) => this.events.push({ expect: "message", room: room.name, data, event }));
    room.on("gap", () => this.events.push({ expect: "gap", room: room.name }));
    room.on("presence", (members, change, count) => this.events.push({ expect: "presence", room: room.name, count }));
  }

  expect(want) {
    const got = this.events.shift();
    for (const [key, value] of Object.entries(want)) if (key !== "answer") assert.deepEqual(got?.[key], this.bind(value), `${key} of ${JSON.stringify(got)}`);
  }

  // Puts values in the place of names.
  bind(value) {
    return JSON.parse(JSON.stringify(value), (_, v) => (typeof v === "string" && /^[$]/.test(v) ? v.slice(1) : v === "*" ? 4000 : v));
  }
}
