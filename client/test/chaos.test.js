// Clients publish and read while connections are cut, delayed and taken for alive: everybody
// hears everything, once and in order. A failure names its seed; SEED=7 runs that alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../geist.js";
import { pass, stopClock } from "./fake.js";
import { Chaos, chance, Model } from "./model.js";

const seeds = process.env.SEED ? [Number(process.env.SEED)] : Array.from({ length: 250 }, (_, i) => i + 1);
const each = 8; // messages of a client

test(`everybody hears everything once and in order, ${seeds.length} times`, async (t) => {
  stopClock(t);
  let cuts = 0;
  for (const seed of seeds) {
    try {
      cuts += await run(seed);
    } catch (err) {
      err.message = `SEED=${seed}: ${err.message}`;
      throw err;
    }
  }
  assert.ok(cuts > 3 * seeds.length, `only ${cuts} cuts`);
});

async function run(seed) {
  const random = chance(seed);
  const model = new Model();
  const network = new Chaos(model, random);
  const transports = [["ws"], ["sse"], ["ws", "sse"]][seed % 3];
  const clients = [0, 1, 2].map((n) => new Party(n, network, transports, random));
  for (let i = 0; i < 24; i++) {
    const talks = clients.filter((c) => random() < 0.6 && c.published.length < each);
    for (const c of talks) c.talk();
    if (random() < 0.25) network.trouble(0.5);
    if (random() < 0.03) network.trouble(1);
    await pass(random() * 600, 40);
  }
  network.calm();
  for (const c of clients) while (c.published.length < each) c.talk();
  for (let i = 0; i < 60 && !clients.every((c) => c.isDone(model)); i++) await pass(2000, 50);
  for (const c of clients) c.check(model);
  for (const c of clients) c.client.close();
  await pass(5000, 500);
  return network.cuts;
}

class Party {
  published = []; // [room, promise's outcome]
  heard = { a: [], b: [] };
  begun = {}; // by room, after which offset
  troubles = [];

  constructor(n, { WebSocket, fetch }, transports, random) {
    this.n = n;
    this.client = connect("http://model.test/rt", { WebSocket, fetch, transports, random, minDelay: 50, maxDelay: 2000 });
    this.client.on("error", (err) => this.troubles.push(err));
    this.rooms = ["a", "b"].map((name) => {
      const room = this.client.join(name);
      room.on("joined", ({ offset }) => (this.begun[name] ??= offset));
      room.on("gap", () => this.troubles.push("a gap"));
      room.on("message", (m) => this.heard[name].push(m));
      return room;
    });
  }

  talk() {
    const number = this.published.length;
    const room = this.rooms[number % 2];
    const promise = room.publish([this.n, number]);
    const one = { room: room.name, data: [this.n, number], promise };
    promise.then((at) => (one.at = at), (err) => (one.err = err));
    this.published.push(one);
  }

  isDone(model) {
    return this.published.every((p) => p.at || p.err) && this.rooms.every((room) => room.position?.[1] === model.room(room.name).log.length);
  }

  check(model) {
    assert.deepEqual(this.troubles, []);
    for (const { room, data, at, err, promise } of this.published) {
      assert.ok(at, `client ${this.n}, ${data}: ${err ?? "not answered"}`);
      const there = model.room(room).log.filter((m) => String(m.data) === String(data));
      assert.deepEqual(there, [{ offset: at.offset, data, id: promise.id }], "published once, where the answer says");
    }
    for (const { name } of this.rooms) {
      const { log } = model.room(name);
      assert.deepEqual(this.heard[name].map((m) => m.offset), log.slice(this.begun[name]).map((m) => m.offset), `client ${this.n} in room ${name}`);
      for (const { offset, data, mine } of this.heard[name]) {
        assert.deepEqual(data, log[offset - 1].data);
        assert.equal(mine, data[0] === this.n);
      }
    }
  }
}
