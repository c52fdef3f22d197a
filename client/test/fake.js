// Sockets in memory, whose other end is the test: nothing happens unless the test says so.

import assert from "node:assert/strict";
import { mock } from "node:test";
import { connect } from "../geist.js";

/** Lets everything happen that waits for no timer. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Stops the clock for a test. */
export function stopClock(t) {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
}

/** Moves the clock, step by step, so that what timers start can start timers. */
export async function pass(ms, step = 50) {
  await settle();
  for (; ms > 0; ms -= step) {
    mock.timers.tick(Math.min(step, ms));
    await settle();
  }
}

/** A network that keeps every socket that a client opens in sockets. */
export class Net {
  sockets = [];
  constructor() {
    const { sockets } = this;
    this.WebSocket = class {
      sent = []; // frames that the test has not taken yet
      constructor(url, offers) {
        Object.assign(this, { url, offers, protocol: "" });
        sockets.push(this);
      }
      accept(protocol = this.offers[0]) {
        this.protocol = protocol;
        this.onopen();
        return this;
      }
      send(message) {
        assert.ok(!this.gone, "sent on a socket that has ended");
        this.sent.push(typeof message === "string" ? JSON.parse(message) : message);
      }
      say(...frames) {
        for (const frame of frames) this.onmessage({ data: frame instanceof Uint8Array ? frame.buffer : JSON.stringify(frame) });
      }
      cut(code = 1006) {
        this.gone = true;
        this.onclose({ code });
      }
      close() {
        this.gone = true;
      }
      /** Takes what the client has sent, after letting it do so. */
      async take() {
        await settle();
        return this.sent.splice(0);
      }
    };
  }

  get last() {
    return this.sockets.at(-1);
  }
}

/** A client on a network of its own, which is closed with the test. random is 1: every wait is the longest. */
export function open(t, options) {
  stopClock(t);
  const net = new Net();
  const client = connect("http://example.test/rt", { WebSocket: net.WebSocket, random: () => 1, transports: ["ws"], ...options });
  t.after(() => client.close());
  const errors = [];
  client.on("error", (err) => errors.push(err.code));
  return { client, net, errors };
}

/** The same, open and in the room a, at offset 5 of epoch e. */
export async function enter(t, { room: options, ...more } = {}) {
  const opened = open(t, more);
  await settle();
  const socket = opened.net.last.accept();
  const room = opened.client.join("a", options);
  await settle();
  socket.say(["welcome", { conn: "c1", author: "x" }], ["joined", 1, "a", { epoch: "e", offset: 5, head: 5, recovered: false }]);
  const heard = [];
  room.on("message", ({ data }) => heard.push(data));
  socket.first = await socket.take();
  return { ...opened, socket, room, heard };
}

/** Opens the next connection after a wait, and answers its hello and its join of a, recovered. */
export async function again(net, ms = 200) {
  const before = net.sockets.length;
  await pass(ms);
  assert.equal(net.sockets.length, before + 1, "connections");
  const socket = net.last.accept();
  const sent = await socket.take();
  socket.say(["welcome", { conn: "c2", author: "x" }]);
  for (const [name, ref, room, at] of sent) {
    if (name === "join") socket.say(["joined", ref, room, { epoch: at.since[0], offset: at.since[1], head: 9, recovered: true }]);
  }
  return { socket, sent };
}

/** What a promise comes to: its value, or the code of its error. */
export const outcome = (promise) => promise.then((value) => value ?? "done", (err) => err.code);
