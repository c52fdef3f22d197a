// The client in Node, with its own fetch and the WebSocket of ws, over connections of TCP.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { connect } from "../geist.js";
import { Model } from "./model.js";

/** The model of a server, behind HTTP. */
async function serve(t) {
  const model = new Model();
  const streams = new Map(); // by key
  const http = createServer(async (request, response) => {
    if (request.method === "POST") {
      let body = "";
      for await (const chunk of request.setEncoding("utf8")) body += chunk;
      const link = streams.get(request.headers["geist-stream"]);
      if (link) for (const frame of JSON.parse(body)) model.take(link, frame);
      return response.writeHead(link ? 202 : 404).end();
    }
    const key = `key-${streams.size}`;
    const say = (frame) => response.write(`data: ${JSON.stringify(frame)}\n\n`);
    const link = { say, end: () => response.end() };
    streams.set(key, link);
    response.on("close", () => {
      streams.delete(key);
      model.close(link);
    });
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    say(["stream", key]);
  });
  const sockets = new WebSocketServer({ server: http });
  sockets.on("connection", (ws) => {
    const link = { say: (frame) => ws.send(JSON.stringify(frame)), end: (code) => ws.close(code) };
    ws.on("message", (text) => model.take(link, JSON.parse(text)));
    ws.on("close", () => model.close(link));
  });
  await once(http.listen(0, "127.0.0.1"), "listening");
  const connections = new Set();
  http.on("connection", (socket) => connections.add(socket.once("close", () => connections.delete(socket))));
  const cut = () => connections.forEach((socket) => socket.destroy());
  t.after(() => {
    http.close();
    cut();
  });
  return { model, cut, url: `http://127.0.0.1:${http.address().port}/rt` };
}

test("two transports, cut again and again, tell everybody everything once", async (t) => {
  const { model, cut, url } = await serve(t);
  const heard = [[], []];
  const rooms = [["ws"], ["sse"]].map((transports, n) => {
    const client = connect(url, { transports, WebSocket, minDelay: 5, maxDelay: 20 });
    t.after(() => client.close());
    const room = client.join("a", { since: ["a-epoch", 0] });
    room.on("message", (m) => heard[n].push(m.data));
    return room;
  });
  for (let i = 0; i < 20; i++) {
    const published = rooms.map((room, n) => room.publish([n, i]));
    if (i % 3 === 0) setTimeout(cut, i % 7);
    const at = await Promise.all(published);
    assert.deepEqual(new Set(at.map(({ offset }) => offset)), new Set([2 * i + 1, 2 * i + 2]));
  }
  const all = model.room("a").log.map((m) => m.data);
  assert.equal(all.length, 40);
  for (const [n, room] of rooms.entries()) {
    while (heard[n].length < 40) await new Promise((resolve) => room.on("message", resolve));
    assert.deepEqual(heard[n], all);
  }
});
