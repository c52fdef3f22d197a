// A server of geist.v1 in a hundred lines, and networks between it and clients that lose,
// delay and cut. Everything takes its time from timers and its chance from one seed.

/** A generator of numbers below 1 from a seed: the same seed, the same numbers. */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The server. A link to a client has say(frame) and end(code). */
export class Model {
  rooms = new Map();
  sessions = new Map(); // by secret, the link that has it
  authors = new Map(); // by secret

  room(name) {
    if (!this.rooms.has(name)) this.rooms.set(name, { epoch: `${name}-epoch`, log: [], links: new Map() });
    return this.rooms.get(name);
  }

  close(link) {
    link.over = true;
    for (const room of this.rooms.values()) room.links.delete(link);
    if (this.sessions.get(link.session) === link) this.sessions.delete(link.session);
  }

  /** Takes a frame of a client. */
  take(link, [name, ref, ...rest]) {
    if (link.over) return;
    if (name === "hello") this.hello(link, ref.session);
    else if (name === "ping") link.say(["ok", ref]);
    else if (name === "join") this.join(link, ref, ...rest);
    else if (name === "pub") this.publish(link, ref, ...rest);
    else link.say(["error", ref, "unknown_command", ""]);
  }

  hello(link, session) {
    const before = this.sessions.get(session);
    if (before) {
      before.say(["bye", "replaced"]);
      this.close(before);
      before.end(4409);
    }
    link.session = session;
    this.sessions.set(session, link);
    if (!this.authors.has(session)) this.authors.set(session, `author-${this.authors.size}`);
    link.say(["welcome", { conn: "c", author: this.authors.get(session) }]);
  }

  join(link, ref, name, { since } = {}) {
    const room = this.room(name);
    const recovered = !since || since[0] === room.epoch;
    const offset = since && recovered ? since[1] : room.log.length;
    room.links.set(link, true);
    link.say(["joined", ref, name, { epoch: room.epoch, offset, head: room.log.length, recovered }]);
    if (!recovered) link.say(["gap", name, { epoch: room.epoch, offset }]);
    const from = since ? Math.max(0, offset - 2) : offset; // a server may repeat itself
    for (const m of room.log.slice(from)) link.say(["m", name, m.offset, m.data, m.id]);
  }

  publish(link, ref, name, data, { since } = {}) {
    const room = this.room(name);
    const id = `${this.authors.get(link.session)}.${ref}`;
    const before = since && room.log.slice(since[1]).find((m) => m.id === id);
    if (!since && ref <= (link.top ?? 0)) return link.say(["error", ref, "duplicate", ""]);
    link.top = Math.max(link.top ?? 0, ref);
    if (before) return link.say(["ok", ref, { epoch: room.epoch, offset: before.offset }]);
    const m = { offset: room.log.length + 1, data, id };
    room.log.push(m);
    const tell = () => room.links.forEach((_, to) => to.say(["m", name, m.offset, data, id]));
    const answer = () => link.say(["ok", ref, { epoch: room.epoch, offset: m.offset }]);
    for (const f of m.offset % 2 ? [tell, answer] : [answer, tell]) f(); // either order is right
  }
}

/** A way in one direction: what goes in comes out in order, each a while later, until it is cut. */
class Pipe {
  queue = [];
  constructor(random, most, deliver) {
    Object.assign(this, { random, most, deliver });
  }
  put(frame) {
    if (this.isCut) return;
    this.queue.push(frame);
    if (this.queue.length === 1) this.next();
  }
  next() {
    setTimeout(() => {
      if (!this.queue.length) return;
      this.deliver(this.queue.shift());
      if (this.queue.length) this.next();
    }, this.random() * this.most);
  }
  /** Takes nothing more, and loses what is on the way, or the last part of it. */
  cut() {
    this.isCut = true;
    this.queue.length = Math.floor(this.random() * (this.queue.length + 1));
  }
}

/** The network. calm ends the trouble that it makes. */
export class Chaos {
  connections = new Set();
  streams = new Map(); // by key
  cuts = 0;
  isCalm = false;

  constructor(model, random) {
    Object.assign(this, { model, random });
    const chaos = this;
    this.WebSocket = class {
      constructor(url, [protocol]) {
        this.protocol = protocol;
        chaos.connect({
          up: () => this.onopen(),
          frame: (frame) => this.onmessage({ data: JSON.stringify(frame) }),
          down: (code) => this.onclose({ code }),
        }).then((connection) => (this.connection = connection));
      }
      send(text) {
        this.connection.up.put(JSON.parse(text));
      }
      close() {
        this.connection?.leave();
      }
    };
    this.fetch = (url, init) => (init.method === "POST" ? this.post(init) : this.stream(init));
  }

  // A connection has a pipe each way. Either side may learn of its end long after the other.
  async connect({ up, frame, down }) {
    await null;
    const { model, random } = this;
    const link = {};
    const connection = { link };
    connection.up = new Pipe(random, 80, (f) => model.take(link, f));
    connection.down = new Pipe(random, 80, (f) => (f === "end" ? down(link.code) : frame(f)));
    link.say = (f) => connection.down.put(structuredClone(f));
    link.end = (code) => {
      link.code = code;
      connection.down.put("end");
    };
    connection.leave = () => {
      this.connections.delete(connection);
      connection.up.cut();
      setTimeout(() => model.close(link), random() * 3000); // it may be taken for alive
    };
    connection.cut = () => {
      this.cuts++;
      connection.down.cut();
      setTimeout(() => down(1006), random() * 300);
      connection.leave();
    };
    setTimeout(() => {
      if (!this.isCalm && random() < 0.2) return down(1006);
      this.connections.add(connection);
      if (!this.isCalm && random() < 0.1) connection.down.isCut = connection.up.isCut = true; // nobody notices
      up();
    }, random() * 200);
    return connection;
  }

  /** Cuts what is connected, each with some probability. */
  trouble(probability) {
    for (const connection of [...this.connections]) if (this.random() < probability) connection.cut();
  }

  calm() {
    this.isCalm = true;
    for (const { up, down, cut } of [...this.connections]) if (up.isCut || down.isCut) cut();
  }

  stream({ signal }) {
    const encoder = new TextEncoder();
    let out;
    let over = false;
    const body = new ReadableStream({ start: (controller) => void (out = controller), cancel: () => void (over = true) });
    const key = `key-${this.random()}`;
    const write = (frame) => {
      const bytes = encoder.encode(`data: ${JSON.stringify(frame)}\n\n`);
      const at = 1 + Math.floor(this.random() * (bytes.length - 1)); // a chunk ends anywhere
      if (!over) for (const part of [bytes.subarray(0, at), bytes.subarray(at)]) out.enqueue(part);
    };
    return new Promise((resolve, reject) => {
      const up = () => {
        resolve(new Response(body));
        write(["stream", key]);
      };
      const down = () => {
        if (over) return;
        over = true;
        out.error(new TypeError("the connection is gone"));
        reject(new TypeError("there is no connection"));
      };
      this.connect({ up, frame: write, down }).then((connection) => {
        this.streams.set(key, connection);
        signal.addEventListener("abort", () => {
          connection.leave();
          connection.refuse?.(signal.reason);
          down();
        });
      });
    });
  }

  post({ headers, body }) {
    const connection = this.streams.get(headers["Geist-Stream"]);
    return new Promise((resolve, reject) => {
      connection.refuse = reject;
      if (connection.up.isCut) return;
      for (const frame of JSON.parse(body)) connection.up.put(frame);
      setTimeout(() => resolve(new Response(null, { status: 202 })), this.random() * 200);
    });
  }
}
