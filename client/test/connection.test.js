// How the client connects, waits, notices that nobody is there, and which transport it takes.

import assert from "node:assert/strict";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { again, enter, open, outcome, pass, settle, timers, welcome } from "./fake.js";

// Waits until the next socket is opened, and returns how long that took.
async function wait({ sockets }, step = 10) {
  const before = sockets.length;
  for (let ms = 0; ; ms += step) {
    if (sockets.length > before) return ms;
    assert.ok(ms < 60_000, "there is no further connection");
    await pass(step, step);
  }
}

test("the wait doubles up to its bound, times chance", async (t) => {
  let random = 1;
  const { net, states } = open(t, { minDelay: 100, maxDelay: 1000, random: () => random });
  await settle();
  const waits = [];
  for (const chance of [1, 1, 1, 1, 1, 1, 0.5, 0]) {
    random = chance;
    net.last.cut();
    waits.push(await wait(net));
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000, 500, 10]);
  assert.deepEqual(states.slice(0, 3), ["waiting", "connecting", "waiting"]);
});

test("a connection that lasted starts the wait anew, one that did not does not", async (t) => {
  const { net, socket } = await enter(t);
  socket.cut();
  assert.equal(await wait(net), 200);
  for (const [lasts, waits] of [[1000, 400], [1000, 800], [5100, 200]]) {
    net.last.accept();
    await settle();
    net.last.say(welcome);
    await pass(lasts);
    net.last.cut();
    assert.equal(await wait(net), waits);
  }
});

test("the server says how long to wait, and nobody comes sooner", async (t) => {
  const { net, socket, states } = await enter(t);
  socket.say(["bye", "draining", { retry: 3000 }]);
  assert.ok(socket.gone);
  assert.equal(await wait(net), 3000);
  assert.deepEqual(states, ["open", "waiting draining", "connecting"]);
});

test("a client comes back after every close but three", async (t) => {
  for (const [code, state] of [[1000, "waiting"], [1001, "waiting"], [1013, "waiting"], [4400, "closed bad_frame"], [4401, "waiting unauthorized"],
    [4403, "closed denied"], [4406, "closed version"], [4408, "waiting"], [4429, "waiting"], [4999, "waiting"]]) {
    const { socket, states } = await enter(t);
    socket.cut(code);
    assert.equal(states.at(-1), state, `close with ${code}`);
  }
});

test("byes mean what closes do, and unknown ones nothing", async (t) => {
  for (const [bye, state] of [["lagging", "waiting lagging"], ["too_many_conns", "waiting too_many_conns"], ["denied", "closed denied"], ["own_code", "waiting own_code"]]) {
    const { socket, states } = await enter(t);
    socket.say(["bye", bye]);
    assert.equal(states.at(-1), state);
  }
});

test("what waits is rejected when the client is turned away", async (t) => {
  const { socket, room } = await enter(t);
  const published = outcome(room.publish(1));
  socket.say(["bye", "denied"]);
  assert.equal(await published, "denied");
});

test("a page that is looked at, or back on the net, does not wait", async (t) => {
  const target = new EventTarget();
  globalThis.addEventListener = target.addEventListener.bind(target);
  globalThis.document = Object.assign(new EventTarget(), { hidden: true });
  t.after(() => {
    delete globalThis.addEventListener;
    delete globalThis.document;
  });
  const { client, net, socket } = await enter(t, { minDelay: 10_000 });
  target.dispatchEvent(new Event("online"));
  assert.deepEqual(await socket.take(), [["ping", 2]], "one that is open is tried");
  socket.cut();
  document.dispatchEvent(new Event("visibilitychange"));
  await settle();
  assert.equal(net.sockets.length, 1, "nobody looks yet");
  document.hidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  await again(net, 0);
  net.last.cut();
  target.dispatchEvent(new Event("online"));
  const { socket: next } = await again(net, 0);
  next.say(["bye", "rate", { retry: 5000 }]);
  target.dispatchEvent(new Event("online"));
  await settle();
  assert.equal(net.sockets.length, 3, "the server has asked for the wait");
  client.close();
  target.dispatchEvent(new Event("online"));
  await pass(30_000, 1000);
  assert.equal(net.sockets.length, 3);
});

test("an opening, a greeting and a ping that nobody answers end the connection", async (t) => {
  const { net } = open(t);
  await settle();
  assert.equal(await wait(net), 10_000 + 200, "not opened");
  net.last.accept();
  assert.equal(await wait(net), 10_000 + 400, "not greeted");
  net.last.accept();
  await settle();
  const socket = net.last;
  socket.say(welcome);
  await pass(20_000);
  socket.say(["m", "", 0, "alive"]);
  socket.sent.length = 0;
  await pass(24_950);
  assert.deepEqual(await socket.take(), []);
  await pass(50);
  assert.deepEqual(await socket.take(), [["ping", 1]]);
  socket.say(["ok", 1]);
  await pass(25_000);
  assert.deepEqual(await socket.take(), [["ping", 2]]);
  assert.equal(await wait(net), 10_000 + 200, "silent");
  assert.ok(socket.gone);
});

test("reconnect drops what is there and does not wait", async (t) => {
  const { client, net, socket, heard } = await enter(t);
  client.reconnect();
  assert.ok(socket.gone);
  const { socket: next } = await again(net, 0);
  next.say(["m", "a", 6, "six"]);
  assert.deepEqual(heard, ["six"]);
});

test("a token is asked for at each connection, and its failure is told", async (t) => {
  const tokens = ["one", new Error("no token"), "two"];
  const { net, errors, states } = open(t, {
    token: async () => {
      const next = tokens.shift();
      if (next instanceof Error) throw next;
      return next;
    },
  });
  await settle();
  net.last.accept();
  assert.equal((await net.last.take())[0][1].token, "one");
  net.last.say(["error", 0, "unauthorized", ""], ["bye", "unauthorized"]);
  assert.equal(await wait(net), 200 + 400);
  net.last.accept();
  assert.equal((await net.last.take())[0][1].token, "two");
  assert.deepEqual(errors, ["unauthorized", "no token"]);
  assert.deepEqual(states, ["waiting unauthorized", "connecting", "waiting", "connecting"]);
});

test("a new token is sent before the old one ends", async (t) => {
  let count = 0;
  const { net, socket, errors, client } = await enter(t, {
    watchdog: 1e9,
    token: () => {
      if (++count === 3) throw new Error("hiccup");
      return `token ${count}`;
    },
  });
  socket.say(["welcome", { conn: "c", author: "me", ttl: 60_000 }]);
  await pass(47_000, 1000);
  assert.equal(count, 1);
  await pass(1000);
  const [auth] = (await socket.take()).filter(([name]) => name === "auth");
  assert.deepEqual(auth.slice(2), ["token 2"]);
  socket.say(["ok", auth[1], { ttl: 10_000 }]);
  await pass(8000);
  assert.deepEqual(errors, ["hiccup"]);
  await pass(400);
  const [renewed] = (await socket.take()).filter(([name]) => name === "auth");
  assert.equal(renewed[2], "token 4");
  socket.say(["error", renewed[1], "rate", "", { retry: 100 }]);
  await pass(800);
  const [third] = (await socket.take()).filter(([name]) => name === "auth");
  socket.say(["error", third[1], "unauthorized", ""]);
  assert.deepEqual(errors, ["hiccup", "rate", "unauthorized"]);
  socket.say(["bye", "expired"]);
  assert.equal(client.state, "waiting");
  await wait(net);
  assert.equal(count, 6);
});

test("a token that comes when its connection has ended is for nobody", async (t) => {
  const waiting = [];
  let count = 0;
  const token = () => (count++ ? new Promise((resolve) => waiting.push(resolve)) : "first");
  const { net, socket, errors } = await enter(t, { token });
  socket.say(["welcome", { author: "me", ttl: 1000 }]);
  await pass(800);
  socket.cut();
  await pass(200);
  assert.equal(waiting.length, 2, "that of the next connection");
  waiting[1]("second");
  await settle();
  net.last.accept();
  waiting[0]("late");
  assert.deepEqual((await net.last.take()).map(([name]) => name), ["hello", "join"]);
  await pass(5000);
  assert.equal(waiting.length, 2, "the ended one's is not renewed");
  assert.deepEqual(errors, []);
});

test("credentials that hold for ever are not renewed, and a century is no overflow", async (t) => {
  for (const ttl of [undefined, 3e12]) {
    let count = 0;
    const { socket } = await enter(t, { token: () => `${++count}` });
    socket.say(["welcome", { author: "me", ttl }]);
    await pass(20_000, 1000);
    assert.equal(count, 1);
  }
});

// A server of streams, in memory: opened is told of each, with what ends it.
function streams(opened = () => {}) {
  const at = { gets: [], posts: [] };
  at.fetch = async (url, { method, headers, body, signal }) => {
    if (method === "POST") {
      at.posts.push({ headers, frames: JSON.parse(body) });
      return at.answer ? at.answer(body) : new Response(null, { status: 202 });
    }
    const get = { headers };
    at.gets.push(get);
    const refused = opened(get);
    if (refused) return refused;
    const stream = new TransformStream();
    const writer = stream.writable.getWriter();
    get.write = (text) => writer.write(typeof text === "string" ? new TextEncoder().encode(text) : text);
    get.say = (...frames) => frames.forEach((f) => get.write(`data: ${JSON.stringify(f)}\n\n`));
    get.end = () => writer.close();
    signal.addEventListener("abort", () => writer.abort(signal.reason).catch(() => {}));
    return new Response(stream.readable, { headers: { "Content-Type": "text/event-stream" } });
  };
  return at;
}

const calm = async () => {
  for (let i = 0; i < 5; i++) await settle();
};

test("WebSockets that fail twice give way to streams, which give way again after a while", async (t) => {
  const server = streams();
  const { net, states } = open(t, { transports: ["ws", "sse"], fetch: server.fetch });
  await settle();
  net.last.cut();
  await wait(net);
  net.last.cut();
  await pass(400);
  await calm();
  assert.equal(net.sockets.length, 2);
  assert.equal(server.gets.length, 1);
  server.gets[0].say(["stream", "key"]);
  await calm();
  assert.equal(server.posts[0].headers["Geist-Stream"], "key");
  assert.equal(server.posts[0].frames[0][0], "hello");
  server.gets[0].say(welcome);
  await calm();
  assert.equal(states.at(-1), "open");
  server.gets[0].end();
  await calm();
  await pass(1000);
  assert.deepEqual([net.sockets.length, server.gets.length], [2, 2], "not yet");
  server.gets[1].say(["stream", "key"], welcome);
  for (let i = 0; i < 4; i++) {
    await pass(20_000, 1000);
    server.gets[1].write(":\n\n");
    await calm();
  }
  server.gets[1].end();
  await calm();
  await pass(1000);
  assert.deepEqual([net.sockets.length, server.gets.length], [3, 2], "a WebSocket again");
  net.last.cut();
  await pass(1000);
  assert.deepEqual([net.sockets.length, server.gets.length], [3, 3], "which has one try");
});

test("one that has worked stays with WebSockets", async (t) => {
  const server = streams();
  const { net, socket } = await enter(t, { transports: ["ws", "sse"], fetch: server.fetch });
  socket.cut();
  for (let i = 0; i < 4; i++) {
    await wait(net);
    net.last.cut();
  }
  assert.equal(server.gets.length, 0);
});

test("where streams fail, too, WebSockets are tried again: the server is away", async (t) => {
  const server = streams(() => new Response("", { status: 502 }));
  const { net } = open(t, { transports: ["ws", "sse"], fetch: server.fetch, maxDelay: 200 });
  for (let i = 0; i < 12; i++) {
    await pass(200);
    if (!net.last?.gone) net.last.cut();
  }
  assert.ok(net.sockets.length > 6 && server.gets.length > 3, `${net.sockets.length} and ${server.gets.length}`);
});

test("without WebSockets there are streams", async (t) => {
  const server = streams();
  const { net } = open(t, { transports: ["ws", "sse"], WebSocket: null, fetch: server.fetch });
  await calm();
  assert.deepEqual([net.sockets.length, server.gets.length], [0, 1]);
  assert.equal(server.gets[0].headers.Accept, "text/event-stream");
});

test("a stream is read however it is cut into pieces and lines", async (t) => {
  const server = streams();
  const { client } = open(t, { transports: ["sse"], fetch: server.fetch });
  await calm();
  const [stream] = server.gets;
  const heard = [];
  client.on("message", ({ data }) => heard.push(data));
  const said = [
    "retry: 5\n\n", ":\n\n", 'data: ["stream","key"]\n\n', ": heartbeat\n\n", 'data: ["m","",0,"one"]\n\n', 'event: x\nid: 7\ndata:["m","",0,\ndata: "two"]\n\n',
    'data: ["m","",0,"drei \u2028 größer 🎉"]\r\n\r\n', ':\ndata: ["m","",0,4]\n\n',
  ].join("");
  for (const byte of new TextEncoder().encode(said)) stream.write(Uint8Array.of(byte));
  await calm();
  for (let i = 0; i < 50 && heard.length < 4; i++) await settle();
  assert.deepEqual(heard, ["one", "two", "drei \u2028 größer 🎉", 4]);
});

test("close leaves no timer behind, nor what waits for its POST", async (t) => {
  const server = streams();
  const { client } = open(t, { transports: ["sse"], fetch: server.fetch });
  const room = client.join("a");
  await calm();
  server.gets[0].say(["stream", "key"], welcome, ["joined", 1, "a", { epoch: "e", offset: 0 }]);
  await calm();
  const posts = server.posts.length;
  const running = timers(t);
  outcome(room.publish(1));
  queueMicrotask(() => client.close()); // it is on its way out
  await calm();
  assert.equal(running.size, 0);
  assert.equal(server.posts.length, posts);
});

test("commands of a stream travel together, one POST after the other", async (t) => {
  const server = streams();
  const { client } = open(t, { transports: ["sse"], fetch: server.fetch });
  const room = client.join("a");
  await calm();
  let release;
  server.answer = () => new Promise((resolve) => (release = () => resolve(new Response(null, { status: 202 }))));
  server.gets[0].say(["stream", "key"]);
  await calm();
  assert.deepEqual(server.posts.map((p) => p.frames.map(([name]) => name)), [["hello", "join"]]);
  server.gets[0].say(welcome, ["joined", 1, "a", { epoch: "e", offset: 0 }]);
  const all = [1, 2, "x".repeat(20_000), "y".repeat(20_000), 3].map((n) => outcome(room.publish(n)));
  await calm();
  assert.equal(server.posts.length, 1, "one under way");
  for (let i = 0; i < 3; i++) {
    release();
    await calm();
  }
  assert.deepEqual(server.posts.slice(1).map((p) => p.frames.length), [4, 1]);
  server.gets[0].say(...[2, 3, 4, 5, 6].map((ref) => ["ok", ref, ref]));
  await calm();
  assert.deepEqual(await Promise.all(all), [2, 3, 4, 5, 6]);
  assert.deepEqual(server.posts[1].headers, { "Content-Type": "application/json", "Geist-Stream": "key" });
});

test("a POST that fails, or is not answered, ends the stream", async (t) => {
  const answers = [
    () => new Response("", { status: 404 }), () => Promise.reject(new TypeError("no net")), () => new Promise(() => {}), () => new Response("", { status: 403 }),
  ];
  for (const [i, answer] of answers.entries()) {
    const server = streams();
    const { client } = open(t, { transports: ["sse"], fetch: server.fetch });
    await calm();
    server.answer = answer;
    server.gets[0].say(["stream", "key"]);
    await calm();
    if (i === 2) await pass(10_000);
    assert.equal(client.state, i === 3 ? "closed" : "waiting");
    await pass(400);
    await calm();
    assert.equal(server.gets.length, i === 3 ? 1 : 2);
  }
});

test("a POST that hangs is given up, though the stream is alive", async (t) => {
  const server = streams();
  const { client } = open(t, { transports: ["sse"], fetch: server.fetch });
  await calm();
  server.gets[0].say(["stream", "key"], welcome);
  await calm();
  server.answer = () => new Promise(() => {});
  const called = outcome(client.call("x"));
  await settle();
  for (let i = 0; i < 10; i++) {
    assert.equal(client.state, "open");
    server.gets[0].write(":\n\n");
    await calm();
    await pass(1000);
  }
  assert.equal(client.state, "waiting");
  assert.equal(await called, "unknown_outcome");
});

test("answers that are no stream mean what closes do", async (t) => {
  for (const [status, state] of [[200, "waiting"], [401, "waiting unauthorized"], [403, "closed denied"], [406, "closed version"], [500, "waiting"], [503, "waiting"]]) {
    const server = streams(() => new Response("<p>hello", { status }));
    const { states } = open(t, { transports: ["sse"], fetch: server.fetch });
    await calm();
    assert.equal(states.at(-1), state, `status ${status}`);
  }
});

test("a frame that a POST cannot carry is not sent again", async (t) => {
  const server = streams();
  const { client } = open(t, { transports: ["sse"], fetch: server.fetch });
  const room = client.join("a");
  await calm();
  server.gets[0].say(["stream", "key"], welcome, ["joined", 1, "a", { epoch: "e", offset: 0 }]);
  await calm();
  server.answer = () => new Response("", { status: 413 });
  assert.equal(await outcome(room.publish("x".repeat(200_000))), "too_large");
  assert.equal(client.state, "waiting");
});

test("the address is one for all transports, and the encodings are offered", async (t) => {
  for (const [url, binary, offers] of [["http://example.test/rt?x=1", false, ["geist.v1"]], ["ws://example.test/rt?x=1", true, ["geist.v1.bin", "geist.v1"]]]) {
    const server = streams();
    const { net } = open(t, { url, binary });
    open(t, { url, transports: ["sse"], fetch: (to, init) => server.fetch((server.url = to), init) });
    await calm();
    assert.equal(net.last.url, "ws://example.test/rt?x=1");
    assert.deepEqual(net.last.offers, offers);
    assert.equal(server.url, "http://example.test/rt?x=1");
  }
});

test("a client that is closed lets the process end", async () => {
  const script = `
    import { connect } from ${JSON.stringify(new URL("../geist.js", import.meta.url).href)};
    import { WebSocket } from "ws";
    const client = connect("ws://127.0.0.1:9/rt", { WebSocket, minDelay: 1, storage: { getItem() {}, setItem() {} } });
    client.join("a").publish(1, { timeout: 1e9 }).catch(() => {});
    let waits = 0;
    client.on("state", (state) => { if (state === "waiting" && ++waits === 3) client.close(); });
  `;
  const node = spawn(process.execPath, ["--input-type=module", "-e", script], { cwd: new URL(".", import.meta.url), stdio: "inherit", timeout: 20_000 });
  const [code] = await once(node, "exit");
  assert.equal(code, 0);
});
