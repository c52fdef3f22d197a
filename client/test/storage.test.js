// What survives a reload of the page, and what happens to a duplicate of its tab.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { again, enter, open, outcome, pass, settle, Store, welcome } from "./fake.js";

// A page that goes away without a word: its client is there no more, its storage is.
async function reload(t, storage, options, join) {
  const copy = new Store();
  copy.items = { ...storage.items };
  return enter(t, { storage: copy, ...options }, join);
}

test("the session and the places survive, and refs go on higher than those of any copy", async (t) => {
  const storage = new Store();
  const { socket, first, room } = await enter(t, { storage });
  outcome(room.publish(1));
  await settle();
  socket.say(["ok", 2, {}], ["m", "a", 6, "six"]);
  await pass(200);
  const next = await reload(t, storage);
  assert.deepEqual(next.first[0], first[0]);
  assert.deepEqual(next.first[1], ["join", 1000 * Date.now() + 1, "a", { since: ["e", 6] }]);
  mock.timers.setTime(0);
  assert.deepEqual((await reload(t, { items: { geist: JSON.stringify({ ...storage.saved, ref: 7e15 }) } })).first[1][1], 7e15 + 1, "and if the clock goes back");
});

test("who says where to begin is not put where he was", async (t) => {
  const storage = new Store();
  await enter(t, { storage });
  await pass(200);
  assert.deepEqual((await reload(t, storage, {}, { last: 10 })).first[1][3], { last: 10 });
  assert.deepEqual((await reload(t, storage, {}, { since: ["x", 1] })).first[1][3], { since: ["x", 1] });
  assert.equal((await reload(t, storage, {}, { since: null })).first[1].length, 3);
});

test("a place is written rarely, and when the page goes", async (t) => {
  const target = new EventTarget();
  globalThis.addEventListener = target.addEventListener.bind(target);
  t.after(() => delete globalThis.addEventListener);
  const storage = new Store();
  let writes = 0;
  const { setItem } = storage;
  storage.setItem = (...args) => (writes++, setItem.apply(storage, args));
  const { socket, client } = await enter(t, { storage });
  await pass(200);
  writes = 0;
  for (let n = 6; n < 1006; n++) socket.say(["m", "a", n, n]);
  assert.equal(writes, 0);
  await pass(200);
  assert.equal(writes, 1);
  socket.say(["m", "a", 1006, 1]);
  target.dispatchEvent(new Event("pagehide"));
  assert.deepEqual(storage.saved.places.a, ["e", 1006]);
  client.close();
  writes = 0;
  target.dispatchEvent(new Event("pagehide"));
  assert.equal(writes, 0, "nobody listens any more");
});

test("what was not answered is repeated by the next page", async (t) => {
  const storage = new Store();
  const { room, socket } = await enter(t, { storage });
  outcome(room.publish("passing", { log: false }));
  outcome(room.publish("answered"));
  outcome(room.publish("sent", { event: "x" }));
  await settle();
  socket.say(["ok", 3, {}]);
  await pass(200);
  socket.cut();
  outcome(room.publish(Uint8Array.of(1, 2)));
  await settle();
  const next = await reload(t, storage);
  assert.deepEqual(next.first.slice(2), [
    ["pub", 4, "a", "sent", { event: "x", since: ["e", 5] }],
    ["pub", 5, "a", "AQI=", { as: "base64", since: ["e", 5] }], // a duplicate of the tab may have sent it
  ]);
  next.socket.say(["error", 4, "unknown_outcome", ""], ["ok", 5, {}]);
  assert.deepEqual(next.errors, ["unknown_outcome"], "there is no promise to tell");
});

test("what is in no history does not survive", async (t) => {
  const storage = new Store();
  const { room, socket } = await enter(t, { storage });
  outcome(room.publish("passing", { log: false }));
  await settle();
  socket.cut();
  outcome(room.publish("waiting", { log: false }));
  await settle();
  const next = await reload(t, storage);
  assert.equal(next.first.length, 2);
  assert.deepEqual(await next.socket.take(), []);
});

test("what is published is written before it is sent, and where one stood with it", async (t) => {
  const storage = new Store();
  const { room, socket } = await enter(t, { storage });
  const { send } = socket;
  const saved = [];
  socket.send = (message) => {
    saved.push(structuredClone(storage.saved));
    send.call(socket, message);
  };
  outcome(room.publish(1));
  await settle();
  assert.deepEqual(saved.map(({ ref, outbox }) => [ref, outbox]), [[2, [[["pub", 2, "a", 1, {}], ["e", 5]]]]]);
});

test("what is left over waits for its room, and counts", async (t) => {
  const storage = new Store();
  const { socket, room } = await enter(t, { storage });
  socket.cut();
  outcome(room.publish(1));
  outcome(room.publish(2));
  await settle();
  const { client, net } = open(t, { storage, maxPending: 2 });
  const other = client.join("b");
  await settle();
  net.last.accept();
  const [, join] = await net.last.take();
  net.last.say(welcome, ["joined", join[1], "b", { epoch: "f", offset: 0 }]);
  assert.equal(await outcome(other.publish(3)), "queue_full");
  assert.deepEqual(await net.last.take(), []);
  client.join("a");
  assert.deepEqual((await net.last.take()).map((f) => [f[0], f[3]]), [["join", { since: ["e", 5] }], ["pub", 1], ["pub", 2]]);
});

test("a full storage is left alone until there is room again", async (t) => {
  const storage = new Store();
  const { socket, room, errors, first } = await enter(t, { storage });
  await pass(200);
  assert.equal(storage.saved.session, first[0][1].session);
  storage.limit = 300;
  const large = room.publish("x".repeat(300));
  assert.equal((await socket.take()).length, 1, "it goes, all the same");
  assert.equal(storage.saved, undefined, "old refs must not be used again");
  socket.say(["ok", 2, {}]);
  await large;
  await pass(200);
  assert.deepEqual([storage.saved.session, storage.saved.ref], [first[0][1].session, 2]);
  assert.deepEqual(errors, []);
});

test("a storage that is broken, or that somebody has scribbled on, is as none", async (t) => {
  const broken = { getItem: () => { throw new Error("denied"); }, setItem: () => { throw new Error("denied"); }, removeItem: () => { throw new Error("denied"); } };
  for (const storage of [broken, ...["", "{", "null", "7", '"x"', "[]"].map((text) => Object.assign(new Store(), { items: { geist: text } }))]) {
    const { first, room, socket } = await enter(t, { storage });
    assert.match(first[0][1].session, /^[\w-]{22}$/);
    outcome(room.publish(1));
    assert.equal((await socket.take()).length, 1);
  }
});

test("a storage keeps what one client leaves to the next, under its key", async (t) => {
  const storage = new Store();
  const { first, client } = await enter(t, { storage, key: "mine" });
  client.close();
  assert.equal(storage.getItem("geist"), null);
  assert.equal(JSON.parse(storage.getItem("mine")).session, first[0][1].session);
  assert.deepEqual((await enter(t, { storage, key: "mine" })).first[0], first[0]);
});

test("of two tabs with one session the older takes another, once", async (t) => {
  const storage = new Store();
  const { net, room, socket, first, states } = await enter(t, { storage });
  const published = room.publish(1);
  const uncertain = outcome(published);
  await settle();
  socket.say(["m", "a", 6, 6], ["bye", "replaced"]);
  assert.equal(await uncertain, "unknown_outcome");
  assert.deepEqual(states, ["open", "waiting replaced"]);
  const { socket: next, sent } = await again(net);
  assert.notEqual(sent[0][1].session, first[0][1].session);
  assert.equal(storage.saved.session, sent[0][1].session);
  assert.deepEqual(sent.slice(1), [["join", 3, "a", { since: ["e", 6] }]], "what the other tab has is the other's");
  const later = room.publish(2);
  outcome(later);
  assert.equal((await next.take())[0][3], 2);
  assert.equal(published.id.split(".")[1], "2", "an id remains what it was");
});

// A tab that is away, with a message that waits, and the storage that its duplicate begins with.
async function duplicated(t) {
  const storage = new Store();
  const { net, room, socket } = await enter(t, { storage });
  socket.cut();
  outcome(room.publish("waits"));
  await settle();
  const copy = new Store();
  copy.items = { ...storage.items };
  return { net, room, copy, storage };
}

test("what waits in a tab and in its duplicate is looked for, whichever sends it first", async (t) => {
  const { net, room, copy } = await duplicated(t);
  await pass(1);
  const other = await enter(t, { storage: copy });
  const pub = ["pub", 2, "a", "waits", { since: ["e", 5] }];
  assert.deepEqual(other.first[2], pub);
  const { socket } = await again(net);
  outcome(room.publish("new"));
  outcome(other.room.publish("new, too"));
  const [first, second] = await socket.take();
  assert.deepEqual(first, pub);
  assert.deepEqual(second.slice(2), ["a", "new"]);
  assert.notEqual((await other.socket.take())[0][1], second[1], "nothing new has the id of something else");
});

test("what waits is sent as new where it could not be looked for, or was never written down", async (t) => {
  const { net } = await duplicated(t);
  await pass(200);
  const [, join] = await net.last.accept().take();
  net.last.say(welcome, ["joined", join[1], "a", { epoch: "f", offset: 3, recovered: false }]);
  assert.deepEqual(await net.last.take(), [["pub", 2, "a", "waits"]]);
  const { net: other, room, socket } = await enter(t);
  socket.cut();
  outcome(room.publish("waits"));
  const { socket: next } = await again(other);
  assert.deepEqual(await next.take(), [["pub", 2, "a", "waits"]]);
});

test("a client that is replaced by a hello of its own, which the server came to late, keeps its session", async (t) => {
  const { net, room, socket, first } = await enter(t);
  socket.cut();
  await pass(200);
  await net.last.accept().take();
  net.last.cut(); // nobody knows whether this hello has arrived
  const { socket: next } = await again(net, 400);
  const published = outcome(room.publish(1));
  await settle();
  next.say(["bye", "replaced"]);
  const { socket: last, sent } = await again(net, 800);
  assert.deepEqual(sent[0], first[0]);
  last.say(["ok", sent[2][1], "done"]);
  assert.equal(await published, "done");
  last.say(["bye", "replaced"]);
  assert.notEqual((await again(net, 1600)).sent[0][1].session, first[0][1].session, "but only once");
});

test("a close with 4409 is the same, if its bye got lost", async (t) => {
  const { net, socket, first } = await enter(t);
  socket.cut(4409);
  assert.notEqual((await again(net)).sent[0][1].session, first[0][1].session);
});
