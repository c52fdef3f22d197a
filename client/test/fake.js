// Sockets in memory, whose other end is the test: nothing happens unless the test says so.

import assert from "node:assert/strict";
import { mock } from "node:test";
import { connect } from "../geist.js";

/** Lets everything happen that waits for no timer. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Moves the clock, step by step, so that what timers start can start timers. */
export async function pass(ms, step = 50) {
  await settle();
  for (; ms > 0; ms -= step) {
    mock.timers.tick(Math.min(step, ms));
    await settle();
  }
}

let stopped = false;
const { setTimeout, clearTimeout } = globalThis; // as they are while no clock is stopped

/** Stops the clock until the test ends. */
export function stopClock(t) {
  if (stopped) return;
  stopped = true;
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => {
    mock.timers.reset();
    stopped = false;
  });
}

/** Returns the timers that are running, of those that begin from now on. */
export function timers(t) {
  const running = new Set();
  const { setTimeout: begin, clearTimeout: end } = globalThis;
  t.after(() => Object.assign(globalThis, { setTimeout, clearTimeout }));
  globalThis.setTimeout = (f, ms) => {
    const timer = begin(() => running.delete(timer) && f(), ms);
    running.add(timer);
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    running.delete(timer);
    end(timer);
  };
  return running;
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
      /** Sends frames, or messages as they are, to the client. */
      say(...frames) {
        for (const frame of frames) this.onmessage({ data: Array.isArray(frame) ? JSON.stringify(frame) : frame });
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

/** Opens a client on a network of its own, which is closed with the test. random is 1: every wait is the longest. */
export function open(t, { url = "http://example.test/rt", ...options } = {}) {
  stopClock(t);
  const net = new Net();
  const client = connect(url, { WebSocket: net.WebSocket, random: () => 1, transports: ["ws"], ...options });
  t.after(() => client.close());
  const errors = [];
  const states = [];
  client.on("error", (err) => errors.push(err.code ?? err.message));
  client.on("state", (state, reason) => states.push(reason ? `${state} ${reason}` : state));
  return { client, net, errors, states };
}

export const welcome = ["welcome", { conn: "c1", author: "me", user: "ada" }];

/** The same, open and in a room, with ref 1, at an offset of epoch e. */
export async function enter(t, options, join, { name = "a", offset = 5 } = {}) {
  const opened = open(t, options);
  const room = opened.client.join(name, join);
  await settle();
  const socket = opened.net.last.accept();
  const first = (await socket.take()).map(read);
  const joined = [];
  room.on("joined", (at) => joined.push(at.recovered));
  const heard = [];
  room.on("message", ({ data }) => heard.push(data));
  socket.say(welcome, ["joined", first.find(([kind]) => kind === "join")[1], name, { epoch: "e", offset, head: offset, recovered: true }]);
  return { ...opened, socket, room, heard, joined, first };
}

// Messages in the compact encoding that begin with 0 are JSON.
const read = (message) => (message[0] === 0 ? JSON.parse(new TextDecoder().decode(message.subarray(1))) : message);

/** Waits for the next connection, and answers its hello and its joins, recovered. */
export async function again(net, ms = 200) {
  const before = net.sockets.length;
  await pass(ms);
  assert.equal(net.sockets.length, before + 1, "connections");
  const socket = net.last.accept();
  const sent = await socket.take();
  socket.say(welcome);
  for (const [name, ref, room, options] of sent) {
    if (name !== "join") continue;
    const [epoch, offset] = options?.since ?? ["e", 5];
    socket.say(["joined", ref, room, { epoch, offset, head: 9, recovered: true }]);
  }
  return { socket, sent };
}

/** What a promise comes to: its value, or the code of its error. */
export const outcome = (promise) => promise.then((value) => value ?? "done", (err) => err.code);

/** A storage that has a limit of characters, and that a test can look into. */
export class Store {
  items = {};
  limit = Infinity;
  getItem = (key) => this.items[key] ?? null;
  removeItem = (key) => void delete this.items[key];
  setItem(key, value) {
    if (value.length > this.limit) throw new DOMException("full", "QuotaExceededError");
    this.items[key] = value;
  }
  get saved() {
    return this.items.geist && JSON.parse(this.items.geist);
  }
}
