// What the client does about rooms and publishes, whatever happens to the connection.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, GeistError } from "../geist.js";
import { again, enter, Net, open, outcome, pass, settle, stopClock, Store, timers, welcome } from "./fake.js";

test("a room resumes where it stood, and drops what it has had", async (t) => {
  const { net, room, socket, heard, joined } = await enter(t);
  socket.say(["m", "a", 6, "six"], ["m", "a", 6, "six"], ["m", "a", 9, "nine"], ["m", "a", 8, "eight"], ["m", "b", 10, "elsewhere"]);
  assert.deepEqual(room.position, ["e", 9]);
  socket.cut();
  const { socket: next, sent } = await again(net);
  assert.deepEqual(sent[1], ["join", 2, "a", { since: ["e", 9] }]);
  next.say(["m", "a", 9, "nine"], ["m", "a", 10, "ten"]);
  assert.deepEqual(heard, ["six", "nine", "ten"]);
  assert.deepEqual(joined, [true, true]);
});

test("a gap is told, and what comes next counts from there", async (t) => {
  const { net, room, socket, heard } = await enter(t);
  const gaps = [];
  room.on("gap", (gap) => gaps.push(gap));
  socket.say(["gap", "a", { epoch: "f", offset: 2, missed: 3 }], ["m", "a", 2, "old"], ["m", "a", 3, "new"]);
  assert.deepEqual(gaps, [{ epoch: "f", offset: 2, missed: 3 }]);
  assert.deepEqual(heard, ["new"]);
  socket.cut();
  assert.deepEqual((await again(net)).sent[1][3], { since: ["f", 3] });
});

test("nothing of an ended connection is heard any more", async (t) => {
  const { net, socket, heard } = await enter(t);
  socket.cut();
  const { socket: next } = await again(net);
  socket.say(["m", "a", 6, "late"], ["left", "a", "denied", ""], ["bye", "denied"]);
  next.say(["m", "a", 6, "six"]);
  assert.deepEqual(heard, ["six"]);
});

test("a room may have any name", async (t) => {
  for (const name of ["__proto__", "constructor", "größe 🎉", '"\\\n']) {
    const { first, socket, heard } = await enter(t, {}, {}, { name });
    assert.deepEqual(first[1], ["join", 1, name]);
    socket.say(["m", name, 6, "six"]);
    assert.deepEqual(heard, ["six"]);
  }
});

test("options of join are said, and last only without a place", async (t) => {
  const { net, socket, first } = await enter(t, {}, { last: 3, presence: true, show: { name: "Ada" } });
  assert.deepEqual(first[1], ["join", 1, "a", { last: 3, presence: true, show: { name: "Ada" } }]);
  socket.cut();
  assert.deepEqual((await again(net)).sent[1][3], { since: ["e", 5], presence: true, show: { name: "Ada" } });
});

test("a place to begin at is said", async (t) => {
  const { first, client, room } = await enter(t, {}, { since: ["e", 3] });
  assert.deepEqual(first[1], ["join", 1, "a", { since: ["e", 3] }]);
  assert.equal(client.join("a"), room, "a room is joined once");
});

test("a join that is denied is told, and not tried again", async (t) => {
  const { client, net } = open(t);
  const room = client.join("a");
  const errors = [];
  room.on("error", (err) => errors.push(err));
  const published = outcome(room.publish(1));
  await settle();
  const socket = net.last.accept();
  assert.deepEqual((await socket.take())[1], ["join", 2, "a"]);
  socket.say(welcome, ["error", 2, "denied", "not you"]);
  assert.equal(errors[0].code, "denied");
  assert.equal(errors[0].message, "not you");
  assert.equal(await published, "denied");
  assert.equal(await outcome(room.publish(1)), "not_joined");
  socket.cut();
  assert.equal((await again(net)).sent.length, 1);
  assert.notEqual(client.join("a"), room, "whoever asks again gets a new one");
});

test("a join that is unavailable is tried again when the server says so", async (t) => {
  const { client, net } = open(t);
  const room = client.join("a");
  await settle();
  const socket = net.last.accept();
  await settle();
  socket.say(welcome, ["error", 1, "unavailable", "", { retry: 700 }]);
  await pass(650);
  assert.equal((await socket.take()).length, 2);
  await pass(50);
  assert.deepEqual(await socket.take(), [["join", 2, "a"]]);
  socket.say(["joined", 2, "a", { epoch: "e", offset: 0 }]);
  assert.deepEqual(room.position, ["e", 0]);
});

test("who is taken out of a room learns why, and stays out", async (t) => {
  const { net, room, socket } = await enter(t);
  const left = [];
  room.on("left", (...why) => left.push(why));
  socket.say(["left", "a", "expired", "your time is up"]);
  assert.deepEqual(left, [["expired", "your time is up"]]);
  assert.equal(await outcome(room.publish(1)), "not_joined");
  socket.cut();
  assert.equal((await again(net)).sent.length, 1);
});

test("of a room that is over nothing is sent again, and every publish comes to something", async (t) => {
  const { net, room, socket } = await enter(t, { maxPending: 100 });
  const all = Array.from({ length: 40 }, (_, n) => outcome(room.publish(n)));
  await settle();
  socket.cut();
  await pass(200);
  const next = net.last.accept();
  const sent = await next.take();
  assert.equal(sent.length, 2 + 31, "the window's worth, join included");
  next.say(welcome, ["error", sent[1][1], "denied", ""], ["ok", 2, "done"]);
  assert.deepEqual(await next.take(), []);
  next.cut();
  const outcomes = await Promise.all(all);
  assert.equal(outcomes[0], "done");
  assert.deepEqual(outcomes.slice(1, 32), Array(31).fill("unknown_outcome"));
  assert.deepEqual(outcomes.slice(32), Array(8).fill("denied"));
});

test("leave is answered, and nothing of the room is heard behind it", async (t) => {
  const { net, client, room, socket, heard } = await enter(t);
  const leaving = outcome(room.leave());
  socket.say(["m", "a", 6, "too late"]);
  assert.deepEqual(await socket.take(), [["leave", 2, "a"]]);
  socket.say(["ok", 2]);
  assert.equal(await leaving, "done");
  assert.equal(await outcome(room.leave()), "done", "twice does no harm");
  const back = client.join("a");
  back.on("message", ({ data }) => heard.push(data));
  socket.say(["m", "a", 6, "of the old membership"]);
  assert.deepEqual(await socket.take(), [["join", 3, "a"]]);
  socket.say(["joined", 3, "a", { epoch: "e", offset: 6 }], ["m", "a", 7, "seven"]);
  assert.deepEqual(heard, ["seven"]);
  const cut = outcome(back.leave());
  socket.cut();
  assert.equal(await cut, "done", "the connection's end is the end of it");
  assert.equal((await again(net)).sent.length, 1);
});

test("an answer to the join of before is not that of the join of now", async (t) => {
  const { client, net } = open(t);
  const before = client.join("a");
  await settle();
  const socket = net.last.accept();
  const [, [, ref]] = await socket.take();
  outcome(before.leave());
  const now = client.join("a");
  const [, [, next]] = await socket.take();
  socket.say(welcome, ["joined", ref, "a", { epoch: "e", offset: 1 }], ["m", "a", 2, "unheard"], ["ok", ref + 1]);
  assert.deepEqual([before.position, now.position], [undefined, undefined]);
  socket.say(["joined", next, "a", { epoch: "e", offset: 2 }]);
  assert.deepEqual(now.position, ["e", 2]);
});

test("a leave that comes too fast ends the connection rather than nothing", async (t) => {
  const { net, room, socket } = await enter(t);
  const leaving = outcome(room.leave());
  socket.say(["error", 2, "rate", "", { retry: 300 }]);
  assert.equal(await leaving, "done");
  assert.equal((await again(net)).sent.length, 1);
});

test("a message says what it is", async (t) => {
  const { room, socket } = await enter(t);
  const got = [];
  room.on("message", (m) => got.push(m));
  const published = room.publish({ x: 1 });
  outcome(published);
  const { id } = published;
  socket.say(["m", "a", 6, { x: 1 }, id], ["t", "a", 7, "text", null, "said"], ["b", "a", 8, "AAH/"]);
  assert.deepEqual(got, [
    { room: "a", offset: 6, data: { x: 1 }, id, event: "", mine: true },
    { room: "a", offset: 7, data: "text", id: "", event: "said", mine: false },
    { room: "a", offset: 8, data: Uint8Array.of(0, 1, 255), id: "", event: "", mine: false },
  ]);
});

test("data is published as what it is", async (t) => {
  const { room, socket } = await enter(t);
  const mutable = { x: 1 };
  for (const [data, options] of [[mutable], ["text", { as: "text", event: "said" }], [7, { as: "text" }], [Uint8Array.of(0, 1, 255)], [Uint8Array.of(9, 8).buffer, { log: false, echo: false }], [null]]) outcome(room.publish(data, options));
  mutable.x = 2;
  assert.deepEqual(await socket.take(), [
    ["pub", 2, "a", { x: 1 }],
    ["pub", 3, "a", "text", { as: "text", event: "said" }],
    ["pub", 4, "a", "7", { as: "text" }],
    ["pub", 5, "a", "AAH/", { as: "base64" }],
    ["pub", 6, "a", "CQg=", { as: "base64", log: false, echo: false }],
    ["pub", 7, "a", null],
  ]);
  assert.throws(() => room.publish(undefined));
});

test("large bytes get through, in both encodings", async (t) => {
  for (const binary of [false, true]) {
    const { room, socket } = await enter(t, { binary });
    const bytes = new Uint8Array(1 << 20).map((_, i) => i);
    outcome(room.publish(bytes));
    const [sent] = await socket.take();
    assert.ok(binary ? Buffer.from(sent).subarray(-bytes.length).equals(bytes) : Buffer.from(sent[3], "base64").equals(bytes));
  }
});

test("a publish resolves to its position, or rejects with the server's code", async (t) => {
  const { room, socket } = await enter(t);
  const [a, b] = [room.publish(1), room.publish(2)];
  await settle();
  socket.say(["ok", 2, { epoch: "e", offset: 6 }], ["error", 3, "denied", "no"]);
  assert.deepEqual(await a, { epoch: "e", offset: 6 });
  await assert.rejects(b, (err) => err instanceof GeistError && err.code === "denied" && err.message === "no" && err.id === b.id && err.room === "a");
});

test("the id of a publish is known before anything has been said", async (t) => {
  const { client, net } = open(t);
  const room = client.join("a");
  const first = room.publish(0);
  outcome(first);
  while (!first.id) await settle(); // the browser's digest takes a moment
  const second = room.publish(1);
  outcome(second);
  assert.match(second.id, /^[\w-]{10}\.2$/);
  assert.equal(net.last.sent.length, 0);
});

test("where the browser has no digest, the server says the author", async (t) => {
  t.mock.getter(globalThis.crypto, "subtle", () => undefined);
  const { room, socket } = await enter(t);
  const published = room.publish(1);
  outcome(published);
  assert.equal(published.id, "me.2");
  const mine = [];
  room.on("message", (m) => mine.push(m.mine));
  socket.say(["m", "a", 6, 1, "me.2"], ["m", "a", 7, 1, "you.2"]);
  assert.deepEqual(mine, [true, false]);
});

test("what is published offline goes once, in its order, when one is there again", async (t) => {
  const { net, room, socket } = await enter(t);
  socket.cut();
  const all = [1, 2, 3].map((n) => outcome(room.publish(n)));
  const { socket: next, sent } = await again(net);
  assert.equal(sent.length, 2, "first one must know where one stands");
  assert.deepEqual(await next.take(), [["pub", 2, "a", 1], ["pub", 3, "a", 2], ["pub", 4, "a", 3]]);
  next.say(["ok", 2, 1], ["ok", 3, 2], ["ok", 4, 3]);
  assert.deepEqual(await Promise.all(all), [1, 2, 3]);
});

test("what was not answered is repeated, as often as it takes, from where one stood at first", async (t) => {
  const { net, room, socket } = await enter(t);
  const [a, b] = [outcome(room.publish("a")), outcome(room.publish("b"))];
  await settle();
  socket.say(["m", "a", 6, "a"], ["ok", 2, { epoch: "e", offset: 6 }], ["m", "a", 7, "x"]);
  socket.cut();
  for (let i = 0; i < 3; i++) {
    const { socket: next, sent } = await again(net, 200 * 2 ** i);
    assert.deepEqual(sent[2], ["pub", 3, "a", "b", { since: ["e", 5] }]);
    if (i < 2) next.cut();
    else next.say(["ok", 3, { epoch: "e", offset: 8 }]);
  }
  assert.deepEqual(await Promise.all([a, b]), [{ epoch: "e", offset: 6 }, { epoch: "e", offset: 8 }]);
});

test("an unknown outcome rejects", async (t) => {
  const { net, room, socket } = await enter(t);
  const published = outcome(room.publish(1));
  await settle();
  socket.cut();
  const { socket: next } = await again(net);
  next.say(["error", 2, "unknown_outcome", ""]);
  assert.equal(await published, "unknown_outcome");
});

test("what is in no history is not repeated, for nobody could find it there", async (t) => {
  const { net, room, socket } = await enter(t);
  const published = outcome(room.publish(1, { log: false }));
  await settle();
  socket.cut();
  assert.equal(await published, "unknown_outcome");
  assert.equal((await again(net)).sent.length, 2);
});

test("one that a later publish has overtaken says where it stands", async (t) => {
  const { client, room, socket } = await enter(t);
  const slow = client.join("b");
  outcome(slow.publish("slow"));
  outcome(room.publish("quick"));
  assert.deepEqual(await socket.take(), [["join", 4, "b"], ["pub", 3, "a", "quick"]]);
  socket.say(["joined", 4, "b", { epoch: "f", offset: 1 }]);
  assert.deepEqual(await socket.take(), [["pub", 2, "b", "slow", { since: ["f", 1] }]]);
});

test("the queue is bounded", async (t) => {
  const { net, room, socket } = await enter(t, { maxPending: 2 });
  socket.cut();
  const all = [1, 2, 3].map((n) => outcome(room.publish(n)));
  assert.equal(await all[2], "queue_full");
  const { socket: next } = await again(net);
  assert.deepEqual((await next.take()).map((f) => f[3]), [1, 2]);
});

test("calls are bounded, too", async (t) => {
  const { client } = open(t, { maxPending: 1 });
  outcome(client.call("a"));
  assert.equal(await outcome(client.call("b")), "queue_full");
});

test("what has timed out is never sent", async (t) => {
  const { net, room, socket } = await enter(t);
  socket.cut();
  const unsent = outcome(room.publish(1, { timeout: 100 }));
  await pass(100);
  assert.equal(await unsent, "timeout");
  const { socket: next } = await again(net, 100);
  const sent = outcome(room.publish(2, { timeout: 100 }));
  assert.deepEqual(await next.take(), [["pub", 4, "a", 2]]);
  await pass(100);
  assert.equal(await sent, "unknown_outcome", "that may have arrived");
  next.say(["ok", 4, 1]);
  next.cut();
  assert.equal((await again(net, 400)).sent.length, 2);
});

test("what comes too fast goes again when the server says so", async (t) => {
  const { room, client, socket } = await enter(t);
  const [a, b] = [outcome(room.publish("a")), outcome(client.call("b"))];
  await settle();
  socket.say(["error", 2, "rate", "", { retry: 100 }], ["error", 3, "rate", "", { retry: 500 }]);
  socket.sent.length = 0;
  outcome(room.publish("c"));
  await pass(450);
  assert.deepEqual(await socket.take(), [], "nothing before the last of them says so");
  await pass(50);
  assert.deepEqual(await socket.take(), [["pub", 2, "a", "a", { since: ["e", 5] }], ["pub", 4, "a", "c"], ["call", 5, "b"]]);
  socket.say(["ok", 2, 1], ["ok", 5, 2]);
  assert.deepEqual(await Promise.all([a, b]), [1, 2]);
});

test("no more commands are under way than the server takes at once", async (t) => {
  const { room, socket } = await enter(t);
  for (let n = 0; n < 100; n++) outcome(room.publish(n));
  let seen = 0;
  for (let turn = 0; turn < 4; turn++) {
    const sent = await socket.take();
    assert.ok(sent.length <= 32, `${sent.length} at once`);
    for (const [, ref, , n] of sent) {
      assert.equal(n, seen++);
      socket.say(["ok", ref, n]);
    }
  }
  assert.equal(seen, 100);
});

test("what is too large for the server does not end the connection for ever", async (t) => {
  const { net, room, socket } = await enter(t);
  const [small, large] = [outcome(room.publish(1)), outcome(room.publish("x".repeat(200_000)))];
  await settle();
  socket.cut(1009);
  assert.equal(await large, "too_large");
  const { socket: next, sent } = await again(net);
  assert.deepEqual(sent[2], ["pub", 2, "a", 1, { since: ["e", 5] }]);
  next.say(["ok", 2, "done"]);
  assert.equal(await small, "done");
});

test("what one shows, too, if it is too large, is said no more", async (t) => {
  const { net, room, socket } = await enter(t);
  const shown = outcome(room.show("x".repeat(200_000)));
  await settle();
  socket.cut(1009);
  assert.equal(await shown, "too_large");
  const { socket: next } = await again(net);
  assert.deepEqual(await next.take(), []);
});

test("calls wait for a connection, and do not survive one", async (t) => {
  const { client, net } = open(t);
  const called = outcome(client.call("sum", [1, 2]));
  await settle();
  const socket = net.last.accept();
  await settle();
  socket.say(welcome);
  assert.deepEqual((await socket.take()).at(-1), ["call", 1, "sum", [1, 2]]);
  socket.say(["ok", 1, 3]);
  assert.equal(await called, 3);
  const refused = outcome(client.call("nothing"));
  await settle();
  socket.say(["error", 2, "not_supported", ""]);
  assert.equal(await refused, "not_supported");
  const lost = outcome(client.call("sum"));
  await settle();
  socket.cut();
  assert.equal(await lost, "unknown_outcome");
  assert.equal((await again(net)).sent.length, 1);
});

test("what one shows is said again after a cut", async (t) => {
  const { net, room, socket } = await enter(t);
  const shown = outcome(room.show("away"));
  assert.deepEqual(await socket.take(), [["show", 2, "a", "away"]]);
  socket.cut();
  const { socket: next, sent } = await again(net);
  assert.deepEqual(sent[1][3], { since: ["e", 5], show: "away" });
  const [show] = await next.take();
  assert.equal(show[0], "show");
  next.say(["ok", show[1]]);
  assert.equal(await shown, "done");
});

test("presence keeps the members", async (t) => {
  const { room, socket } = await enter(t, {}, { presence: true });
  const told = [];
  room.on("presence", (members, change, count) => told.push([[...members.keys()].join(), count]));
  const [a, b] = [{ conn: "a", user: "ada", shown: 1 }, { conn: "b", user: "bob" }];
  socket.say(
    ["presence", "a", { reset: true, count: 2, joined: [a, b] }],
    ["presence", "a", { count: 2, updated: [{ ...a, shown: 2 }], left: ["nobody"] }],
    ["presence", "a", { count: 1, left: ["b"] }],
  );
  assert.deepEqual(told, [["a,b", 2], ["a,b", 2], ["a", 1]]);
  assert.deepEqual(room.members.get("a"), { ...a, shown: 2 });
  socket.say(["presence", "a", { reset: true, count: 0 }]);
  assert.equal(room.members.size, 0);
});

test("questions are answered, unless there is no answer", async (t) => {
  const { client, socket, net, errors } = await enter(t);
  socket.say(["ask", 1, "nobody listens"]);
  let later;
  client.on("ask", (data, event) => {
    if (event === "throw") return Promise.reject(new Error("broken"));
    return event === "wait" ? new Promise((resolve) => (later = resolve)) : data && { data, event };
  });
  socket.say(["ask", 2, 1, "quiz"], ["ask", 3], ["ask", 4, 1, "throw"], ["ask", 5, 1, "wait"]);
  assert.deepEqual(await socket.take(), [["answer", 2, { data: 1, event: "quiz" }]]);
  assert.deepEqual(errors, ["broken"]);
  socket.cut();
  const { socket: next } = await again(net);
  later(5);
  assert.deepEqual(await next.take(), [], "not to another connection");
});

test("what goes to the connection alone is the client's", async (t) => {
  const { client, socket, heard } = await enter(t);
  const direct = [];
  client.on("message", ({ data, event, room }) => direct.push([data, event, room]));
  socket.say(["m", "", 0, 1, "", "note"], ["m", "", 0, 2]);
  assert.deepEqual(direct, [[1, "note", ""], [2, "", ""]]);
  assert.deepEqual(heard, []);
});

test("handlers that throw break nothing, and others are called", async (t) => {
  const { room, socket, heard } = await enter(t);
  const reported = [];
  globalThis.reportError = (err) => reported.push(err.message);
  t.after(() => delete globalThis.reportError);
  room.on("message", () => {
    throw new Error("a handler's fault");
  });
  const off = room.on("message", () => heard.push("off"));
  off();
  room.on("message", () => heard.push("last"));
  socket.say(["m", "a", 6, "six"]);
  assert.deepEqual(heard, ["six", "last"]);
  assert.deepEqual(reported, ["a handler's fault"]);
});

test("fragile input is told of or ignored, and breaks nothing", async (t) => {
  const { socket, heard, errors } = await enter(t, { binary: true });
  const bad = ["", "{", "[", "null", "7", '"m"', '["gap","a"]', '["joined",1]', '["b","a",6,"*"]', '["welcome"]', '["presence","a",null]', '["presence","a",{"joined":3}]'];
  socket.say(...bad, new ArrayBuffer(0), Uint8Array.of(1, 255, 255, 255).buffer, Uint8Array.of(3).buffer, Uint8Array.of(9, 1, 2).buffer, Uint8Array.of(0, 91).buffer, new Uint8Array(9).fill(255).buffer);
  assert.ok(errors.length >= 8, `${errors}`);
  errors.length = 0;
  const ignored = [["new", 1, {}], ["constructor", 1], ["__proto__", 1], [], ["ok"], ["ok", 99], ["m", "nowhere", 1], ["presence", "nowhere", {}], ["gap", "nowhere", {}], ["left", "nowhere"], ["presence", "a", { unknown: 1 }]];
  socket.say(...ignored, ["m", "a", 6, "six", "", "", "more", "and more"]);
  assert.deepEqual(heard, ["six"]);
  assert.deepEqual(errors, []);
  socket.say(["error", 0, "bad_frame", "your fault", { retry: 1, more: 1 }, 1]);
  assert.deepEqual(errors, ["bad_frame"]);
});

test("an error that nobody hears goes to the console", async (t) => {
  const said = t.mock.method(console, "error", () => {}).mock;
  stopClock(t);
  const net = new Net();
  const client = connect("http://example.test/rt", { WebSocket: net.WebSocket, transports: ["ws"] });
  t.after(() => client.close());
  await settle();
  net.last.accept().say(["error", 0, "internal", "one"]);
  const off = client.on("error", () => {});
  net.last.say(["error", 0, "internal", "two"]);
  off();
  net.last.say(["error", 0, "internal", "three"]);
  assert.deepEqual(said.calls.map(({ arguments: [err] }) => err.message), ["one", "three"]);
});

test("a handler may close the client while its connection ends", async (t) => {
  const storage = new Store();
  storage.setItem("geist", JSON.stringify({ session: "0123456789abcdef", ref: 1, outbox: [[["pub", 1, "a", 1, {}], ["e", 1]]] }));
  const { client, net, socket, errors } = await enter(t, { storage });
  client.on("error", () => client.close());
  socket.say(["bye", "replaced"]);
  assert.deepEqual(errors, ["unknown_outcome"]);
  await pass(1000);
  assert.equal(client.state, "closed");
  assert.equal(net.sockets.length, 1);
});

test("close leaves no timer behind", async (t) => {
  const { client, room, socket } = await enter(t, { storage: new Store(), token: () => "x" });
  const running = timers(t);
  socket.say(["welcome", { author: "me", ttl: 1000 }]);
  outcome(room.publish(1, { timeout: 5000 }));
  const [[, ref]] = await socket.take();
  socket.say(["error", ref, "rate", "", { retry: 300 }], ["m", "a", 6, 6]);
  assert.equal(running.size, 5, "of silence, token, publish, rate and storage");
  client.close();
  room.leave();
  assert.equal(running.size, 0);
});

test("a gap that was not told before the connection ended is told by the next", async (t) => {
  const storage = new Store();
  const { net, room, socket } = await enter(t, { storage });
  const gaps = [];
  room.on("gap", (gap) => gaps.push(gap.offset));
  await pass(200);
  socket.cut();
  const rejoin = async (ms, at, ...more) => {
    await pass(ms);
    const [, [, ref, , { since }]] = await net.last.accept().take();
    net.last.say(welcome, ["joined", ref, "a", { epoch: "f", offset: 3, ...at }], ...more);
    return since;
  };
  assert.deepEqual(await rejoin(200, { recovered: false }), ["e", 5]);
  await pass(200);
  assert.deepEqual(storage.saved.places.a, ["e", 5], "another page would be told");
  net.last.cut();
  assert.deepEqual(await rejoin(400, { recovered: true }, ["m", "a", 4, "four"]), ["f", 3]);
  assert.deepEqual(gaps, [3]);
  net.last.cut();
  await rejoin(800, { offset: 9, recovered: false }, ["gap", "a", { epoch: "f", offset: 9 }]);
  net.last.cut();
  await rejoin(1600, { offset: 9, recovered: true });
  assert.deepEqual(gaps, [3, 9], "each once");
});

test("a closed client has ended", async (t) => {
  const storage = new Store();
  const { client, net, room, socket, states } = await enter(t, { storage });
  const sent = outcome(room.publish("sent"));
  await settle();
  socket.cut();
  const unsent = outcome(room.publish("unsent"));
  const called = outcome(client.call("x"));
  client.close();
  assert.deepEqual(await Promise.all([sent, unsent, called]), ["unknown_outcome", "closed", "closed"]);
  assert.equal(await outcome(room.publish(1)), "closed");
  assert.equal(await outcome(client.call("x")), "closed");
  assert.deepEqual(storage.saved.outbox, []);
  await pass(100_000, 10_000);
  assert.equal(net.sockets.length, 1);
  client.close();
  assert.deepEqual(states, ["open", "waiting", "closed closed"]);
  client.reconnect();
  assert.equal(client.state, "connecting");
  assert.equal((await again(net, 0)).sent[1][0], "join");
  assert.equal(client.state, "open");
});
