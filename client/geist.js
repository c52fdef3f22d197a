// The client of geist.v1: rooms over a WebSocket, or over server-sent events and POST where
// WebSockets do not get through. It needs no build step and nothing else; README.md has its
// API. Fields that begin with an underscore are the module's own.

const PATIENCE = 10_000; // ms that an opening, a POST and the answer to a ping may take
const RETURN = 60_000; // ms after which WebSockets are tried again, having failed
const LASTING = 5_000; // ms after which a connection starts the back-off anew
const SAVING = 200; // ms that the storage may be behind
const WINDOW = 64; // commands under way at once; the server bounds their rate
const BATCH = 32_768; // characters of a POST

// What closes of a WebSocket mean, and statuses of HTTP with 4000 added, if no bye says it.
const REASONS = { 1001: "draining", 1009: "too_large", 1013: "lagging", 4400: "bad_frame", 4401: "unauthorized", 4403: "denied",
  4406: "version", 4409: "replaced", 4413: "too_large", 4429: "rate" };
const FINAL = ["bad_frame", "denied", "version"];
const CUT = "cut"; // the code of commands whose connection ended before their answer

/** What a promise is rejected with, and an error event has. retry is in ms, if the command may be repeated then. */
export class GeistError extends Error {
  constructor(code, text, more) {
    super(text || code);
    Object.assign(this, { name: "GeistError", code }, more);
  }
}

/** A storage that lasts as long as the page. */
export function memoryStore() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

/** Opens a client at once, and keeps it open until close(). */
export function connect(url, options) {
  return new Client(url, options);
}

const utf8 = new TextEncoder(), text = new TextDecoder();
const base64 = (bytes) => btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""));
const base64url = (bytes) => base64(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const unbase64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));

// The first 8 characters of the session's SHA-256, in base64url: its messages' ids begin so.
// The browser's own digest comes too late for them, and only over HTTPS. One block is enough.
function author(session) {
  const first = [], sums = [], keys = [];
  const fraction = (x) => ((x % 1) * 2 ** 32) | 0;
  for (let n = 2; keys.length < 64; n++) {
    if (!first.every((p) => n % p)) continue;
    first.push(n);
    sums.push(fraction(Math.sqrt(n)));
    keys.push(fraction(Math.cbrt(n)));
  }
  const w = new Int32Array(64), bytes = [...utf8.encode(session), 128];
  bytes.forEach((b, i) => (w[i >> 2] |= b << (24 - 8 * (i & 3))));
  w[15] = 8 * session.length;
  const turn = (x, ...by) => by.reduce((sum, n) => sum ^ ((x >>> n) | (x << (32 - n))), 0);
  let [a, b, c, d, e, f, g, h] = sums;
  for (let i = 0; i < 64; i++) {
    if (i > 15) {
      const x = w[i - 15], y = w[i - 2];
      w[i] = w[i - 16] + (turn(x, 7, 18) ^ (x >>> 3)) + w[i - 7] + (turn(y, 17, 19) ^ (y >>> 10));
    }
    const t = h + turn(e, 6, 11, 25) + ((e & f) ^ (~e & g)) + keys[i] + w[i];
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t) | 0, c, b, a, (t + turn(a, 2, 13, 22) + ((a & b) ^ (a & c) ^ (b & c))) | 0];
  }
  const [x, y] = [sums[0] + a, sums[1] + b];
  return base64url([x >> 24, x >> 16, x >> 8, x, y >> 24, y >> 16].map((n) => n & 255));
}

// The compact encoding, of frames in both directions.
function encode(frame) {
  const [name, ref, room, data, { as, event, since, log, echo } = {}] = frame;
  const out = [];
  const num = (n) => {
    for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128);
    out.push(n);
  };
  const str = (s = "") => {
    const bytes = utf8.encode(s);
    num(bytes.length);
    out.push(...bytes);
  };
  let body;
  if (name === "pub") {
    out.push(as === "base64" ? 3 : as === "text" ? 2 : 1);
    num(ref);
    str(room);
    out.push((log === false) | ((echo === false) << 1) | (!!since << 2));
    str(event);
    if (since) str(since[0]), num(since[1]);
    body = as === "base64" ? unbase64(data) : utf8.encode(as === "text" ? data : JSON.stringify(data));
  } else {
    out.push(0);
    body = utf8.encode(JSON.stringify(frame));
  }
  const message = new Uint8Array(out.length + body.length);
  message.set(out);
  message.set(body, out.length);
  return message;
}

function decode(buffer) {
  const bytes = new Uint8Array(buffer);
  let at = 1;
  const num = () => {
    let n = 0;
    for (let unit = 1; ; unit *= 128) {
      n += (bytes[at] & 127) * unit;
      if (!(bytes[at++] > 127)) return n;
    }
  };
  const str = (length = num()) => text.decode(bytes.subarray(at, (at += length)));
  const kind = bytes[0];
  if (!kind) return JSON.parse(str(bytes.length));
  const [room, offset, id, event] = [str(), num(), str(), str()];
  const data = kind === 3 ? bytes.slice(at) : str(bytes.length);
  return ["-mtb"[kind], room, offset, kind === 1 ? JSON.parse(data) : data, id, event];
}

// A transport calls up once, got with each frame, alive at any other sign of life and down at its end.

function openSocket({ WebSocket, url, binary }, { up, got, down }) {
  const ws = new WebSocket(url.href.replace(/^http/, "ws"), binary ? ["geist.v1.bin", "geist.v1"] : ["geist.v1"]);
  ws.binaryType = "arraybuffer";
  ws.onopen = up;
  ws.onmessage = ({ data }) => got(() => (typeof data === "string" ? JSON.parse(data) : decode(data)));
  ws.onerror = () => {}; // a close follows
  ws.onclose = (e) => down(REASONS[e.code]);
  return {
    send: (frame) => ws.send(ws.protocol === "geist.v1.bin" ? encode(frame) : JSON.stringify(frame)),
    close: () => ws.close(),
  };
}

function openStream({ fetch, url }, { up, got, alive, down }) {
  const abort = new AbortController(), { signal } = abort;
  const queue = [];
  let key, posting, timer;
  const request = async (init) => {
    const answer = await fetch(url.href, { ...init, signal, cache: "no-store" });
    if (answer.ok) return answer;
    const wait = answer.headers.get("Retry-After") * 1000;
    down(REASONS[4000 + answer.status], wait || 0);
    throw answer.status;
  };
  const post = async () => {
    posting = true;
    await null; // what is sent at once goes at once
    while (queue.length) {
      let n = 1, size = queue[0].length;
      while (n < queue.length && (size += queue[n].length) < BATCH) n++;
      timer = setTimeout(down, PATIENCE);
      const headers = { "Content-Type": "application/json", "Geist-Stream": key };
      await request({ method: "POST", headers, body: `[${queue.splice(0, n)}]` });
      clearTimeout(timer);
    }
    posting = false;
  };
  const read = async () => {
    const answer = await request({ headers: { Accept: "text/event-stream" } });
    if (!/^text\/event-stream/.test(answer.headers.get("Content-Type"))) return;
    const reader = answer.body.getReader(), decoder = new TextDecoder();
    for (let rest = "", data = []; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("data:")) data.push(line.slice(5));
        else if (data.length && !line.trim()) event(data.splice(0).join("\n"));
      }
    }
  };
  const event = (json) => {
    if (key) return got(() => JSON.parse(json));
    key = JSON.parse(json)[1];
    up();
  };
  read().catch(() => {}).then(() => down());
  return {
    send(frame) {
      queue.push(JSON.stringify(frame));
      if (!posting) post().catch(() => down());
    },
    close() {
      clearTimeout(timer);
      abort.abort();
    },
  };
}

class Emitter {
  _handlers = new Map();

  /** Calls handler at each event of that name, until the function that is returned is called. */
  on(event, handler) {
    const all = this._handlers.get(event) ?? new Set();
    this._handlers.set(event, all.add(handler));
    return () => void all.delete(handler);
  }

  // Says whether anybody heard it. What handlers throw is theirs.
  _emit(event, ...args) {
    const all = this._handlers.get(event) ?? new Set();
    for (const handler of [...all]) {
      try {
        handler(...args);
      } catch (err) {
        (globalThis.reportError ?? console.error)(err);
      }
    }
    return all.size > 0;
  }
}

class Client extends Emitter {
  state = "connecting";
  _rooms = new Map();
  _outbox = new Map(); // publishes by ref, until they are answered
  _tasks = new Set(); // shows and calls that wait for a connection
  _failures = 0; // to connect, one after another
  _misses = 0; // of WebSockets to open

  constructor(url, { token, transports = ["ws", "sse"], binary = false, storage, key = "geist", maxPending = 100, minDelay = 200,
    maxDelay = 20_000, watchdog = 25_000, random = Math.random, WebSocket = globalThis.WebSocket, fetch = globalThis.fetch } = {}) {
    super();
    url = new URL(url, globalThis.location?.href);
    url.protocol = url.protocol.replace("ws", "http");
    Object.assign(this, { _token: token, _transports: transports, _storage: storage, _key: key, _maxPending: maxPending, _minDelay: minDelay,
      _maxDelay: maxDelay, _watchdog: watchdog, _random: random, _means: { url, binary, WebSocket, fetch } });
    this._load();
    this._start();
  }

  /** Enters a room, now and after each reconnect. A room that one is in already is the same. */
  join(name, options) {
    const room = this._rooms.get(name) ?? new Room(this, name, options, this._places[name]);
    this._rooms.set(name, room);
    this._soon();
    return room;
  }

  /** Asks the application. What was under way when the connection broke is not repeated: unknown_outcome. */
  call(name, data) {
    return this._ask(false, "call", name, data);
  }

  /** Connects anew, at once. */
  reconnect() {
    this._drop();
    this._start();
  }

  /** Ends the connection, and with closed or unknown_outcome what waits. */
  close() {
    this._end("closed");
  }

  _start() {
    if (!this._events) {
      this._events = new AbortController();
      const on = (target, name, f) => target?.addEventListener?.(name, f, { signal: this._events.signal });
      on(globalThis, "online", () => this._nudge());
      on(globalThis, "pagehide", () => this._save());
      on(globalThis.document, "visibilitychange", () => document.hidden || this._nudge());
    }
    this._connect();
  }

  async _connect() {
    const link = (this._link = { waiting: new Map(), timers: new Set(), top: 0 });
    clearTimeout(this._timer);
    this._turn("connecting");
    let token;
    try {
      token = await this._token?.();
    } catch (err) {
      if (link !== this._link) return;
      this._fail(err);
      this._lost(link);
    }
    if (link !== this._link) return;
    link.ws = this._socketIsNext();
    link.dog = this._later(link, PATIENCE, () => this._lost(link));
    const mine = (f) => (...args) => link === this._link && f(...args);
    const hooks = {
      up: mine(() => {
        link.send(["hello", { session: this._session, token }]);
        link.up = true;
        this._flush();
      }),
      alive: mine(() => this._beat(link)),
      got: mine((parse) => {
        this._beat(link);
        if (link.ws) this._worked = true;
        link.heard = true;
        try {
          this._receive(link, parse());
        } catch (err) {
          this._fail(new GeistError("bad_frame", `the server sent what is no frame: ${err}`));
        }
      }),
      down: mine((reason, retry) => this._lost(link, reason, retry)),
    };
    try {
      Object.assign(link, (link.ws ? openSocket : openStream)(this._means, hooks));
    } catch (err) {
      this._fail(err);
      this._lost(link);
    }
  }

  // WebSockets that failed twice without ever having worked are given up for a while.
  _socketIsNext() {
    const [ws, sse] = ["ws", "sse"].map((name) => this._transports.includes(name));
    return ws && (!sse || (!!this._means.WebSocket && (this._misses < 2 || Date.now() > this._again)));
  }

  // Ends the connection; what it leaves unanswered is told so.
  _drop(code = CUT) {
    const link = this._link;
    if (!link) return;
    this._link = null;
    link.timers.forEach(clearTimeout);
    link.close?.();
    for (const room of this._rooms.values()) room._ref = room._in = 0;
    for (const { done } of link.waiting.values()) done(new GeistError(code));
  }

  _lost(link, reason, retry = 0) {
    if (link !== this._link) return;
    if (reason === "too_large") this._largest(link);
    this._drop();
    if (FINAL.includes(reason)) return this._end(reason);
    if (reason === "replaced") this._renew();
    if (link.ws && !this._worked && ++this._misses > 1) this._again = Date.now() + RETURN;
    if (!link.ws && !link.heard) this._misses = 0; // it is the server that is away
    if (Date.now() - link.since > LASTING) this._failures = 0;
    const most = Math.min(this._maxDelay, this._minDelay * 2 ** this._failures++);
    this._held = retry > 0;
    this._timer = setTimeout(() => this._connect(), Math.max(retry, this._random() * most));
    this._turn("waiting", reason);
  }

  // Of what is under way only the largest can have been too large: it must not be sent again.
  _largest(link) {
    const size = ({ frame }) => JSON.stringify(frame).length;
    const [ref, { done }] = [...link.waiting].reduce((a, b) => (size(b[1]) > size(a[1]) ? b : a), [0, { frame: [], done() {} }]);
    link.waiting.delete(ref);
    done(new GeistError("too_large", "longer than the server takes"));
  }

  // Another page has this session: a duplicate of this tab, which has its outbox, too.
  _renew() {
    for (const post of this._outbox.values()) post.settle(new GeistError("unknown_outcome", "another page has taken over the session"));
    this._begin();
    this._save();
  }

  _end(reason) {
    this._drop();
    clearTimeout(this._timer);
    this._events?.abort();
    this._events = null;
    for (const post of this._outbox.values()) post.settle(new GeistError(post.since ? "unknown_outcome" : reason));
    for (const task of this._tasks) task.reject(new GeistError(reason));
    this._tasks.clear();
    this._save();
    this._turn("closed", reason);
  }

  _turn(state, reason = "") {
    if (this.state === state) return;
    this.state = state;
    this._emit("state", state, reason);
  }

  // Somebody looks, or the net is back: a wait that the server has not asked for is over.
  _nudge() {
    if (this.state === "waiting" && !this._held) this._connect();
    if (this.state === "open") this._probe(this._link);
  }

  _beat(link) {
    this._cancel(link, link.dog);
    link.dog = this._later(link, this._watchdog, () => this._probe(link));
  }

  _probe(link) {
    this._cancel(link, link.dog);
    link.dog = this._later(link, PATIENCE, () => this._lost(link));
    this._command(() => {}, "ping");
  }

  _later(link, ms, f) {
    const timer = setTimeout(() => {
      link.timers.delete(timer);
      f();
    }, ms);
    link.timers.add(timer);
    return timer;
  }

  _cancel(link, timer) {
    clearTimeout(timer);
    link.timers.delete(timer);
  }

  _fail(err) {
    if (!this._emit("error", err)) console.error(err);
  }

  // Sends a command, which calls done(error, result) once.
  _command(done, name, ...args) {
    const frame = [name, ++this._ref, ...args];
    this._send(frame, done);
    return this._ref;
  }

  _send(frame, done) {
    while (frame.at(-1) === undefined) frame.pop();
    this._link.waiting.set(frame[1], { frame, done });
    this._link.send(frame);
  }

  _ask(again, ...command) {
    return new Promise((resolve, reject) => {
      if (this.state === "closed") throw new GeistError("closed");
      if (this._tasks.size >= this._maxPending) throw new GeistError("queue_full");
      const done = (err, result) => {
        if (err?.code !== CUT) return err ? reject(err) : resolve(result);
        if (again) this._tasks.add(task);
        else reject(new GeistError("unknown_outcome", "the connection ended before the answer"));
      };
      const task = { reject, send: () => this._command(done, ...command) };
      this._tasks.add(task);
      this._soon();
    });
  }

  _soon() {
    this._pending ??= Promise.resolve().then(() => {
      this._pending = null;
      if (this._unsaved) this._save();
      this._flush();
    });
  }

  // Sends what waits: first the rooms, for publishes rest on where one stands in them.
  _flush() {
    const link = this._link;
    const free = () => link === this._link && link?.up && !link.paused && link.waiting.size < WINDOW;
    for (const room of this._rooms.values()) if (free() && !room._ref) room._enter(link);
    for (const post of this._outbox.values()) if (free() && post.link !== link) this._post(link, post);
    for (const task of this._tasks) {
      if (!free() || this.state !== "open") return;
      this._tasks.delete(task);
      task.send();
    }
  }

  // A first publish waits until it is known where one stands in the room: behind that place the
  // server looks for it when it is repeated. So does one that a later has overtaken.
  _post(link, post) {
    const room = this._rooms.get(post.frame[2]), options = post.frame[4];
    if (!room?._ref || !(post.since || room._in)) return;
    if (post.since || post.frame[1] < link.top) options.since = post.since ?? room._place;
    post.since ??= room._place;
    post.link = link;
    link.top = Math.max(link.top, post.frame[1]);
    this._send(post.frame, (err, result) => {
      if (err?.code === CUT && !post.orphan && options.log !== false) return;
      if (err?.code === "rate") return this._pause(link, err.retry), (post.link = null);
      post.settle(err?.code === CUT ? new GeistError("unknown_outcome", "the connection ended before the answer") : err, result);
    });
  }

  _pause(link, ms = 1000) {
    link.paused = true;
    this._later(link, ms, () => {
      link.paused = false;
      this._flush();
    });
  }

  // Makes a publish of a frame, a new one or, without timeout and promise, one that a reload has left over.
  _add(frame, since, timeout, resolve, reject) {
    const ref = frame[1];
    const post = { frame, since };
    post.settle = (err, result) => {
      if (!this._outbox.delete(ref)) return;
      clearTimeout(timer);
      this._saveSoon();
      if (err) Object.assign(err, { id: this._id(ref), room: frame[2] });
      if (!err) resolve?.(result);
      else if (reject) reject(err);
      else this._fail(err);
    };
    const late = () => post.settle(post.since ? new GeistError("unknown_outcome", "no answer in time") : new GeistError("timeout", "not sent in time"));
    const timer = timeout && setTimeout(late, timeout);
    this._outbox.set(ref, post);
    this._unsaved = true;
  }

  _id(ref) {
    return `${this._author}.${ref}`;
  }

  // One is out of a room: what was not sent to it will not be, what was is not repeated.
  _leave(room, err) {
    this._rooms.delete(room.name);
    room._ref = room._in = 0;
    delete this._places[room.name];
    for (const post of this._outbox.values()) {
      if (post.frame[2] !== room.name) continue;
      if (post.since) post.orphan = true;
      else post.settle(err);
    }
    this._saveSoon();
  }

  _receive(link, frame) {
    const [kind, a, b, c, d, e] = frame;
    const room = this._rooms.get(a);
    if (kind === "ok" || kind === "joined") this._answer(link, a, null, kind === "ok" ? b : c);
    else if (kind === "error") this._answer(link, a, new GeistError(b, c, d));
    else if (kind === "m" || kind === "t" || kind === "b") this._message(room, ...frame);
    else if (kind === "welcome") this._welcome(link, a ?? {});
    else if (kind === "bye") this._lost(link, a, b?.retry);
    else if (kind === "ask") this._asked(link, a, b, c);
    else if (!room?._in) return;
    else if (kind === "gap") room._gap(b);
    else if (kind === "presence") room._presence(b);
    else if (kind === "left") {
      this._leave(room, new GeistError(b, c));
      room._emit("left", b, c);
    }
  }

  _answer(link, ref, err, result) {
    const command = link.waiting.get(ref);
    link.waiting.delete(ref);
    if (command) command.done(err, result ?? undefined);
    else if (err) this._fail(err);
    this._flush();
  }

  _message(room, kind, name, offset, data, id = "", event = "") {
    if (kind === "b" && typeof data === "string") data = unbase64(data);
    const message = { room: name, offset, data, id: id ?? "", event: event ?? "", mine: !!id && id.startsWith(`${this._author}.`) };
    if (!name) return void this._emit("message", message);
    if (!room?._in || offset <= room._place[1]) return;
    room._move([room._place[0], offset]);
    room._emit("message", message);
  }

  _welcome(link, { conn, user, ttl }) {
    Object.assign(this, { conn, user });
    link.since = Date.now();
    this._expire(link, ttl);
    this._turn("open");
    this._flush();
  }

  // Gets a new token before the old one expires. Without, the server ends the connection.
  _expire(link, ttl, failures = 0) {
    if (!ttl || !this._token) return;
    this._later(link, Math.min(ttl * 0.8, 2 ** 31 - 1), async () => {
      const again = (err) => {
        if (link !== this._link || err.code === CUT) return;
        this._fail(err);
        this._expire(link, (Math.min(this._maxDelay, this._minDelay * 2 ** failures) * this._random()) / 0.8, failures + 1);
      };
      try {
        const token = await this._token();
        if (link === this._link) this._command((err, result) => (err ? again(err) : this._expire(link, result?.ttl)), "auth", token);
      } catch (err) {
        again(err);
      }
    });
  }

  async _asked(link, n, data, event) {
    const [handler] = this._handlers.get("ask") ?? [];
    if (!handler) return;
    try {
      const answer = await handler(data, event);
      if (link === this._link) link.send(["answer", n, answer]);
    } catch (err) {
      this._fail(err);
    }
  }

  _begin() {
    this._session = base64url(crypto.getRandomValues(new Uint8Array(16)));
    this._author = author(this._session);
  }

  _load() {
    let saved = {};
    try {
      saved = JSON.parse(this._storage?.getItem(this._key)) ?? {};
    } catch {} // not ours, or not to be read
    this._places = saved.places ?? {};
    this._ref = saved.ref ?? 0;
    this._begin();
    if (!/^[\w-]{16,55}$/.test(saved.session)) return;
    this._session = saved.session;
    this._author = author(saved.session);
    for (const [frame, since] of saved.outbox ?? []) this._add(frame, since);
  }

  _saveSoon() {
    if (this._storage) this._saver ??= setTimeout(() => this._save(), SAVING);
  }

  // Where the storage is full, what is unsent does not survive a reload; where nothing can be
  // written, the session does not, for its refs would be used twice.
  _save() {
    clearTimeout(this._saver);
    this._saver = null;
    this._unsaved = false;
    const { _session: session, _ref: ref, _places: places } = this;
    for (const outbox of [[...this._outbox.values()].map(({ frame, since }) => [frame, since]), []]) {
      try {
        return this._storage?.setItem(this._key, JSON.stringify({ session, ref, places, outbox }));
      } catch {} // next
    }
    try {
      this._storage.removeItem(this._key);
    } catch {} // there is no storage at all
  }
}

class Room extends Emitter {
  members = new Map();
  _ref = 0; // of the join on this connection
  _in = 0; // 1 after its answer

  constructor(client, name, options = {}, place) {
    super();
    const { since, last } = options;
    Object.assign(this, { name, _client: client, _options: { ...options } });
    this._place = since ? (Array.isArray(since) ? since : [since.epoch, since.offset]) : since === undefined && !last ? place : undefined;
  }

  /** Where one stands, as { epoch, offset }, or null before the first answer. */
  get position() {
    return this._place ? { epoch: this._place[0], offset: this._place[1] } : null;
  }

  /** Publishes once. The promise has the id that the message will have. */
  publish(data, { event, log, echo, as, timeout } = {}) {
    const c = this._client;
    if (ArrayBuffer.isView(data)) data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const bytes = data instanceof ArrayBuffer || data instanceof Uint8Array;
    const body = bytes ? base64(new Uint8Array(data)) : as === "text" ? String(data) : JSON.parse(JSON.stringify(data));
    const no = (flag) => (flag === false ? false : undefined);
    const options = { event, as: bytes ? "base64" : as, log: no(log), echo: no(echo) };
    let id = "";
    const promise = new Promise((resolve, reject) => {
      if (c.state === "closed") throw new GeistError("closed");
      if (c._rooms.get(this.name) !== this) throw new GeistError("not_joined");
      if (c._outbox.size >= c._maxPending) throw new GeistError("queue_full");
      id = c._id(++c._ref);
      c._add(["pub", c._ref, this.name, body, options], undefined, timeout, resolve, reject);
      c._soon();
    });
    return Object.assign(promise, { id });
  }

  /** Changes what others see of this member. */
  show(value) {
    this._options.show = value;
    return this._client._ask(true, "show", this.name, value);
  }

  /** Goes out of the room. Nothing of it comes any more. */
  leave() {
    const there = this._ref;
    if (this._client._rooms.get(this.name) !== this) return Promise.resolve();
    this._client._leave(this, new GeistError("not_joined", "left before it was sent"));
    return new Promise((resolve) => (there ? this._client._command(() => resolve(), "leave", this.name) : resolve()));
  }

  _enter(link) {
    const c = this._client, { last, presence, show } = this._options;
    const done = (err, result) => {
      if (this._ref !== ref || err?.code === CUT) return;
      if (!err) return this._joined(result ?? {});
      if (err.code === "rate") return c._pause(link, err.retry), (this._ref = 0);
      if (err.retry) return void c._later(link, err.retry, () => ((this._ref = 0), c._flush()));
      c._leave(this, err);
      this._emit("error", err) || c._fail(err);
    };
    const options = { since: this._place, last: this._place ? undefined : last, presence, show };
    const some = Object.values(options).some((v) => v !== undefined);
    const ref = (this._ref = c._command(done, "join", this.name, some ? options : undefined));
  }

  _joined(at) {
    this._in = 1;
    this._move([at.epoch, at.offset]);
    this._emit("joined", at);
  }

  _gap(at) {
    this._move([at.epoch, at.offset]);
    this._emit("gap", at);
  }

  _move(place) {
    this._place = this._client._places[this.name] = place;
    this._client._saveSoon();
  }

  _presence(change) {
    const { reset, count, joined = [], updated = [], left = [] } = change;
    if (reset) this.members.clear();
    for (const member of [...joined, ...updated]) this.members.set(member.conn, member);
    for (const conn of left) this.members.delete(conn);
    this._emit("presence", this.members, change, count);
  }
}
