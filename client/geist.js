// The client of geist.v1: rooms over a WebSocket, or over server-sent events and POST where
// WebSockets do not get through. It needs no build step and nothing else. README.md has its API.

const PATIENCE = 10_000; // ms that an opening, a POST and the answer to a ping may take
const RETURN = 60_000; // ms after which WebSockets are tried again, having failed
const LASTING = 5_000; // ms after which a connection starts the back-off anew
const SAVING = 200; // ms that the storage may be behind
const WINDOW = 32; // commands under way at once, as the server bounds their rate
const BATCH = 32_768; // characters after which a POST ends

// What the ends of a WebSocket mean, and statuses of HTTP with 4000 added, if there was no bye.
const REASONS = {
  1009: "too_large", 4413: "too_large", 4400: "bad_frame", 4401: "unauthorized", 4403: "denied", 4406: "version", 4409: "replaced",
};
const FINAL = ["bad_frame", "denied", "version"];

/** What promises are rejected with and error events have. retry is in ms, if repeating may help then. */
export class GeistError extends Error {
  name = "GeistError";
  constructor(code, text = code, more) {
    super(text);
    Object.assign(this, { code }, more);
  }
}

const CUT = new GeistError("unknown_outcome"); // the connection ended before the answer
const AGAIN = new GeistError("rate"); // not done: it is sent again when the server says so

const utf8 = new TextEncoder();
const text = new TextDecoder();
const base64 = (bytes) => btoa([...bytes].map((b) => String.fromCharCode(b)).join(""));
const base64url = (bytes, length) => base64(bytes).slice(0, length).replace(/\+/g, "-").replace(/\//g, "_");
const unbase64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
const some = (object) => (JSON.stringify(object) === "{}" ? undefined : object);

// The compact encoding: encode for what goes to the server, decode for what comes.
function encode(frame) {
  const [name, ref, room, data, { as, event = "", since, log, echo } = {}] = frame;
  if (name !== "pub") return Uint8Array.from([0, ...utf8.encode(JSON.stringify(frame))]);
  const num = (n) => (n < 128 ? [n] : [(n % 128) | 128, ...num(Math.floor(n / 128))]);
  const str = (s, bytes = utf8.encode(s)) => [...num(bytes.length), ...bytes];
  const flags = (log === false) | ((echo === false) << 1) | (!!since << 2);
  const place = since ? [...str(since[0]), ...num(since[1])] : [];
  const kind = as === "base64" ? 3 : as ? 2 : 1;
  const body = kind > 2 ? unbase64(data) : utf8.encode(kind > 1 ? data : JSON.stringify(data));
  return Uint8Array.from([kind, ...num(ref), ...str(room), flags, ...str(event), ...place, ...body]);
}

function decode(buffer) {
  const bytes = new Uint8Array(buffer);
  let at = 1;
  const num = () => {
    const b = bytes[at++];
    return b > 127 ? b - 128 + 128 * num() : b;
  };
  const str = (length = num()) => text.decode(bytes.subarray(at, (at += length)));
  const kind = bytes[0];
  if (!kind) return JSON.parse(str(bytes.length));
  const [room, offset, id, event] = [str(), num(), str(), str()];
  const data = kind > 2 ? bytes.slice(at) : str(bytes.length);
  return ["-mtb"[kind], room, offset, kind > 1 ? data : JSON.parse(data), id, event];
}

// A transport calls up when it is open, got with what parses a frame, alive at any other sign
// of life, and down at its end.

function openSocket({ WebSocket, url, binary }, { up, got, down }) {
  const ws = new WebSocket(url.href.replace("http", "ws"), binary ? ["geist.v1.bin", "geist.v1"] : ["geist.v1"]);
  ws.binaryType = "arraybuffer";
  ws.onopen = up;
  ws.onmessage = ({ data }) => got(() => (data.at ? JSON.parse(data) : decode(data)));
  ws.onclose = ({ code }) => down(REASONS[code]);
  ws.onerror = () => {}; // a close follows
  return {
    send: (frame) => ws.send(ws.protocol === "geist.v1" ? JSON.stringify(frame) : encode(frame)),
    close: () => ws.close(),
  };
}

function openStream({ fetch, url }, { up, got, alive, down }) {
  const abort = new AbortController();
  const queue = [];
  let key, posting, timer;
  const request = async (init) => {
    const answer = await fetch(url.href, { ...init, signal: abort.signal, cache: "no-store" });
    if (!answer.ok) down(REASONS[4000 + answer.status]);
    return answer;
  };
  const post = async () => {
    posting = true;
    await null; // what is sent at once travels together
    while (queue.length) {
      let n = 0;
      for (let size = 0; n < queue.length && size < BATCH; n++) size += queue[n].length;
      timer = setTimeout(down, PATIENCE);
      const body = `[${queue.splice(0, n)}]`;
      await request({ method: "POST", body, headers: { "Content-Type": "application/json", "Geist-Stream": key } });
      clearTimeout(timer);
    }
    posting = false;
  };
  const event = (json) => {
    if (key) return got(() => JSON.parse(json));
    key = JSON.parse(json)[1];
    up();
  };
  const read = async () => {
    const { body } = await request({ headers: { Accept: "text/event-stream" } });
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      if (key) alive();
      const events = (rest + value).split(/\r?\n\r?\n/);
      rest = events.pop();
      for (const lines of events) {
        const data = lines.match(/^data:[^\n]*/gm);
        if (data) event(data.map((line) => line.slice(5)).join(""));
      }
    }
  };
  read().finally(down).catch(() => {});
  return {
    send(frame) {
      queue.push(JSON.stringify(frame));
      if (!posting) post().catch(() => down());
    },
    close() {
      clearTimeout(timer);
      abort.abort();
      queue.length = 0;
    },
  };
}

function emitter() {
  const handlers = new Map();
  return {
    on(event, handler) {
      const all = handlers.get(event) ?? new Set();
      handlers.set(event, all.add(handler));
      return () => void all.delete(handler);
    },
    // Returns what the handlers do. What they throw is theirs.
    emit: (event, ...args) =>
      [...(handlers.get(event) ?? [])].map((handler) => {
        try {
          return handler(...args);
        } catch (err) {
          (globalThis.reportError ?? console.error)(err);
        }
      }),
  };
}

/** Opens a client at once, and keeps it open until close(). */
export function connect(url, {
  token, transports = ["ws", "sse"], binary, storage, key = "geist", maxPending = 100, minDelay = 200, maxDelay = 20_000,
  watchdog = 25_000, random = Math.random, WebSocket = globalThis.WebSocket, fetch = globalThis.fetch,
} = {}) {
  const { on, emit } = emitter();
  const rooms = new Map(); // by name
  const outbox = new Map(); // publishes by ref, until they are answered
  const tasks = new Set(); // calls and shows that wait to be sent
  let state = "connecting";
  let session, places, saver, unsaved, planned;
  let ref = 0;
  let link = null; // the connection
  let timer; // of the link, or of the wait for the next
  let events; // what ends the page's listeners
  let failures = 0; // to connect, one after another
  let misses = 0; // of WebSockets to open
  let late; // there was a hello that got no welcome: the server may come to it yet, and replace what is newer
  let worked, again, held, me;

  url = new URL(url, globalThis.location?.href);
  url.protocol = url.protocol.replace("ws", "http");

  // ---- the connection

  const arm = (ms, f) => {
    clearTimeout(timer);
    timer = setTimeout(f, ms);
  };
  const beat = () => state === "open" && arm(watchdog, probe);
  const probe = () => {
    command(() => {}, "ping");
    arm(PATIENCE, lost);
  };
  const backoff = (n) => random() * Math.min(maxDelay, minDelay * 2 ** n); // full jitter
  const turn = (to, reason = "") => state !== to && emit("state", (state = to), reason);
  const fail = (err) => void (emit("error", err).length || console.error(err));

  // Somebody looks, or the net is back: a wait that the server has not asked for is over.
  const nudge = () => {
    if (state === "waiting" && !held) open();
    else if (state === "open") probe();
  };

  function start() {
    if (!events) {
      events = new AbortController();
      const listen = (target, name, f) => target?.addEventListener?.(name, f, events);
      listen(globalThis, "online", nudge);
      listen(globalThis, "pagehide", save);
      listen(globalThis.document, "visibilitychange", () => document.hidden || nudge());
    }
    open();
  }

  async function open() {
    drop();
    const mine = (link = { waiting: new Map(), top: 0 });
    const own = (f) => (...args) => mine === link && f(...args);
    turn("connecting");
    try {
      const secret = await token?.();
      if (mine !== link) return;
      // WebSockets that failed twice without ever having worked are given up for a while.
      mine.ws = transports.length > 1 ? WebSocket && (misses < 2 || Date.now() > again) : transports[0] === "ws";
      arm(PATIENCE, lost);
      const transport = (mine.ws ? openSocket : openStream)({ url, binary, WebSocket, fetch }, {
        up: own(() => {
          mine.up = true;
          mine.send(["hello", { session: session.secret, token: secret }]);
          flush();
        }),
        got: own((parse) => {
          mine.heard = true;
          worked ||= mine.ws;
          beat();
          try {
            const [name, ...rest] = parse();
            take[name]?.(...rest);
          } catch (err) {
            fail(err);
          }
        }),
        alive: own(beat),
        down: own(lost),
      });
      Object.assign(mine, transport);
    } catch (err) {
      own(fail)(err);
      own(lost)();
    }
  }

  // Ends the connection, and says so to the commands that it leaves unanswered.
  function drop() {
    const { waiting = [], paused, renewal, close, up } = link ?? {};
    late ||= up && state !== "open";
    link = null;
    for (const id of [timer, paused, renewal]) clearTimeout(id);
    close?.();
    for (const room of rooms.values()) room.ref = room.in = 0;
    for (const { done } of waiting.values()) done(CUT);
  }

  function lost(reason, retry = 0) {
    const { ws, heard, since, waiting } = link;
    if (reason === "too_large") {
      // It can only have been the largest, which must not be sent again.
      const size = ({ frame }) => JSON.stringify(frame).length;
      const [largest] = [...waiting.values()].sort((a, b) => size(b) - size(a));
      waiting.delete(largest?.frame[1]);
      largest?.done(new GeistError(reason));
    }
    drop();
    if (FINAL.includes(reason)) return end(reason);
    if (reason === "replaced" && !late) {
      // By a duplicate of this tab, which has its outbox, too: nobody knows what becomes of it.
      for (const { settle } of outbox.values()) settle(CUT);
      begin();
      save();
    }
    late &&= reason !== "replaced";
    if (ws && !worked && ++misses > 1) again = Date.now() + RETURN;
    if (ws === false && !heard) misses = 0; // it is the server that is away
    if (Date.now() - since > LASTING) failures = 0;
    if (link || state === "closed") return; // a handler has decided so
    held = retry > 0;
    arm(Math.max(retry, backoff(failures++)), open);
    turn("waiting", reason);
  }

  function end(reason) {
    drop();
    events?.abort();
    events = null;
    for (const { since, settle } of outbox.values()) settle(since ? CUT : new GeistError(reason));
    for (const { reject } of tasks) reject(new GeistError(reason));
    tasks.clear();
    save();
    turn("closed", reason);
  }

  // ---- commands

  // Sends a command, and calls done(error, result) with its answer or CUT.
  function command(done, name, ...args) {
    send([name, ++ref, ...args], done);
    return ref;
  }

  function send(frame, done) {
    while (frame.at(-1) === undefined) frame.pop();
    link.waiting.set(frame[1], { frame, done });
    link.send(frame);
  }

  function answer(ref, err, result) {
    const { done, frame } = link.waiting.get(ref) ?? {};
    if (!done) return err && fail(err);
    link.waiting.delete(ref);
    if (err?.code === "rate" || (err?.retry && frame[0] === "join")) {
      clearTimeout(link.paused);
      link.paused = setTimeout(() => {
        link.paused = 0;
        flush();
      }, err.retry || 1000);
      err = AGAIN;
    }
    done(err, result);
    flush();
  }

  // Sends a command when that is possible. If the connection ends before the answer, it is
  // sent again or has failed.
  const ask = (repeat, ...args) =>
    new Promise((resolve, reject) => {
      if (state === "closed") throw new GeistError("closed");
      if (tasks.size >= maxPending) throw new GeistError("queue_full");
      const done = (err, result) => {
        if (err === AGAIN || (repeat && err === CUT)) tasks.add(task);
        else if (err) reject(err);
        else resolve(result);
      };
      const task = { reject, send: () => command(done, ...args) };
      tasks.add(task);
      soon();
    });

  function soon() {
    planned ||= !queueMicrotask(() => {
      planned = false;
      flush();
      if (unsaved) save();
    });
  }

  // Sends what waits: rooms first, for publishes rest on where one stands in them.
  function flush() {
    const free = () => link?.up && !link.paused && link.waiting.size < WINDOW;
    for (const room of rooms.values()) if (free() && !room.ref) enter(room);
    const ready = free() ? [...outbox.values()].filter(isReady).slice(0, WINDOW - link.waiting.size).map(prepare) : [];
    if (ready.length) save(); // before it is sent, since who forgets it would publish it twice
    for (const post of ready) send(...post);
    for (const task of tasks) {
      if (!free() || state !== "open") return;
      tasks.delete(task);
      task.send();
    }
  }

  // ---- publishes

  // A publish waits until it is known where one stands in the room: from there on the server
  // looks for it if it comes again.
  function isReady({ on, since, frame }) {
    const room = rooms.get(frame[2]);
    return on !== link && room?.ref && (since || room.in);
  }

  // Returns what send takes. A publish that a later has overtaken counts as sent before, and so does one that
  // the storage has, for a duplicate of the tab may have sent it: as long as the server can look for it.
  function prepare(post) {
    const [name, ref, room, data, more] = post.frame;
    const it = rooms.get(room);
    let again = post.since || (it.in.recovered && post.place);
    post.since = again || it.position;
    post.on = link;
    if (ref > link.top) link.top = ref;
    else again = true;
    return [[name, ref, room, data, again ? { ...more, since: post.since } : some(more)], post.done];
  }

  // Takes a publish into the outbox. One that was left by a reload has no promise any more.
  function put(frame, since, timeout, resolve, reject) {
    const [, ref, room, , { log }] = frame;
    const mine = session;
    const id = () => mine.author && `${mine.author}.${ref}`;
    const settle = (err, result) => {
      if (!outbox.delete(ref)) return;
      clearTimeout(timer);
      saveSoon();
      if (err) (reject ?? fail)(new GeistError(err.code, err.message, { ...err, room, id: id() }));
      else resolve?.(result);
    };
    const done = (err, result) => {
      if (err === AGAIN) post.on = null;
      else if (err !== CUT || post.once) settle(err, result);
    };
    const timer = timeout && setTimeout(() => settle(post.since ? CUT : new GeistError("timeout")), timeout);
    const post = { frame, since, settle, done, id, once: log === false };
    outbox.set(ref, post);
    unsaved = true;
    return post;
  }

  // ---- what the server says

  const inside = (f) => (name, ...rest) => {
    const room = rooms.get(name);
    if (room?.in) f(room, ...rest);
  };

  const message = (name, offset, data, id, event) => {
    const room = rooms.get(name);
    const it = { room: name, offset, data, id: id ?? "", event: event ?? "", mine: id?.split(".")[0] === session.author };
    if (!name) return emit("message", it);
    if (!room?.in || offset <= room.position[1]) return;
    move(room, room.position[0], offset);
    room.emit("message", it);
  };

  const take = {
    __proto__: null,
    ok: (ref, result) => answer(ref, null, result),
    joined: (ref, name, at) => answer(ref, null, at),
    error: (ref, code, text, more) => answer(ref, new GeistError(code, text, { retry: more?.retry })),
    bye: (code, more) => lost(code, more?.retry),
    m: message,
    t: message,
    b: (name, offset, data, ...more) => message(name, offset, typeof data === "string" ? unbase64(data) : data, ...more),
    welcome(it) {
      me = it;
      session.author = me.author;
      link.since = Date.now();
      expire(me.ttl);
      turn("open");
      beat();
      flush();
    },
    ask(n, data, event) {
      const mine = link;
      const [value] = emit("ask", data, event);
      const tell = (answer) => mine === link && answer !== undefined && link.send(["answer", n, answer]);
      Promise.resolve(value).then(tell).catch(fail);
    },
    gap: inside((room, at) => {
      room.owed = 0;
      move(room, at.epoch, at.offset);
      room.emit("gap", at);
    }),
    presence: inside((room, change) => {
      const { reset, joined = [], updated = [], left = [] } = change;
      const { members } = room;
      if (reset) members.clear();
      for (const member of [...joined, ...updated]) members.set(member.conn, member);
      for (const conn of left) members.delete(conn);
      room.emit("presence", members, change, change.count);
    }),
    left: inside((room, code, text) => {
      out(room, new GeistError(code, text));
      room.emit("left", code, text);
    }),
  };

  // Gets a new token before the old one expires. If that fails, the server ends the connection.
  function expire(ttl, tries = 0) {
    if (!ttl || !token) return;
    const mine = link;
    const again = (err) => {
      if (mine !== link) return;
      fail(err);
      expire(ttl, tries + 1);
    };
    const renew = async () => {
      const secret = await token();
      if (mine === link) command((err, result) => (err ? again(err) : expire(result?.ttl)), "auth", secret);
    };
    link.renewal = setTimeout(() => renew().catch(again), tries ? backoff(tries) : Math.min(ttl * 0.8, 2e9));
  }

  // ---- rooms

  function enter(room) {
    const { name, position, options } = room;
    const { last, presence, show } = options;
    const done = (err, at) => {
      if (room.ref !== mine) return;
      if (err === AGAIN) room.ref = 0;
      else if (err) {
        out(room, err);
        room.emit("error", err).length || fail(err);
      } else {
        room.in = at;
        if (room.owed) room.emit("gap", room.owed); // the connection ended before it was told
        room.owed = position && !at.recovered && at;
        // The storage keeps the place that is gone until that is told.
        if (room.owed) room.position = [at.epoch, at.offset];
        else move(room, at.epoch, at.offset);
        room.emit("joined", at);
      }
    };
    const more = { since: position, last: position ? undefined : last, presence, show };
    const mine = (room.ref = command(done, "join", name, some(more)));
  }

  function move(room, ...position) {
    room.position = places[room.name] = position;
    saveSoon();
  }

  // Forgets a room. What was sent to it may be answered still, but nothing is sent any more.
  function out(room, err) {
    const { name } = room;
    rooms.delete(name);
    room.ref = room.in = 0;
    delete places[name];
    for (const post of outbox.values()) {
      if (post.frame[2] !== name) continue;
      if (link && post.on === link) post.once = true;
      else post.settle(post.since ? CUT : err);
    }
    saveSoon();
  }

  function join(name, options = {}) {
    const was = rooms.get(name);
    if (was) return was;
    const { since, last } = options;
    const room = {
      ...emitter(),
      name,
      options: { ...options },
      position: since === undefined && !last ? places[name] : since ?? undefined,
      members: new Map(),
      ref: 0, // of the join on this connection
      in: 0, // the answer to it
      publish(data, { timeout, as, ...more } = {}) {
        if (data instanceof ArrayBuffer) data = new Uint8Array(data);
        const bytes = data instanceof Uint8Array;
        data = bytes ? base64(data) : as ? String(data) : JSON.parse(JSON.stringify(data));
        let post;
        const promise = new Promise((resolve, reject) => {
          if (state === "closed") throw new GeistError("closed");
          if (rooms.get(name) !== room) throw new GeistError("not_joined");
          if (outbox.size >= maxPending) throw new GeistError("queue_full");
          post = put(["pub", ++ref, name, data, { as: bytes ? "base64" : as, ...more }], undefined, timeout, resolve, reject);
          soon();
        });
        return Object.defineProperty(promise, "id", { get: () => post?.id() });
      },
      show(value) {
        room.options.show = value;
        return ask(true, "show", name, value);
      },
      leave: () =>
        new Promise((resolve) => {
          if (rooms.get(name) !== room) return resolve();
          const there = room.ref;
          out(room, new GeistError("not_joined"));
          if (!there) return resolve();
          // The room must not go on behind one's back: it ends with the connection, at the latest.
          command((err) => resolve(err === AGAIN ? lost() : undefined), "leave", name);
        }),
    };
    rooms.set(name, room);
    soon();
    return room;
  }

  // ---- what survives a reload

  // Takes a session. Its author is known in a moment, and without HTTPS from the first welcome on.
  function begin(secret = base64url(crypto.getRandomValues(new Uint8Array(16)), 22)) {
    const mine = (session = { secret });
    const know = (sum) => (mine.author ??= base64url(new Uint8Array(sum), 10));
    crypto.subtle?.digest("SHA-256", utf8.encode(secret)).then(know);
  }

  function load() {
    let old = {};
    try {
      old = JSON.parse(storage.getItem(key)) ?? old;
    } catch {} // there is none, or it is not to be read
    if (old.ref) ref = Math.max(old.ref, Date.now() * 1000); // where no other copy of the storage is
    places = { __proto__: null, ...old.places };
    begin(old.session);
    for (const post of old.outbox ?? []) put(...post);
  }

  // What does not fit is not kept in part: refs that are older than the outbox would be used twice.
  function save() {
    clearTimeout(saver);
    saver = unsaved = 0;
    if (!storage) return;
    const saved = { session: session.secret, ref, places, outbox: [] };
    for (const post of outbox.values()) {
      if (!post.once) saved.outbox.push([post.frame, post.since || (post.place ||= rooms.get(post.frame[2])?.position) || ["", 0]]);
    }
    try {
      storage.setItem(key, JSON.stringify(saved));
    } catch {
      try {
        storage.removeItem(key);
      } catch {} // nothing has ever been written
    }
  }

  function saveSoon() {
    if (storage && state !== "closed") saver ||= setTimeout(save, SAVING);
  }

  load();
  start();
  return {
    on,
    join,
    call: (name, data) => ask(false, "call", name, data),
    reconnect: start,
    close: () => end("closed"),
    get state() {
      return state;
    },
    get me() {
      return me;
    },
  };
}
