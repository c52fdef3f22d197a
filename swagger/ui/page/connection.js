// Opens channels. Each way has the same handlers, which are called until the channel is
// closed: open(note), message({ name, text, id }), end(text, bad).

/** Opens a WebSocket. */
export function openSocket(url, protocols, handlers) {
  const target = new URL(url);
  target.protocol = target.protocol.replace("http", "ws");
  const socket = new WebSocket(target, protocols);
  socket.binaryType = "arraybuffer";
  let opened = false;
  socket.onopen = () => {
    opened = true;
    handlers.open(socket.protocol && `subprotocol ${socket.protocol}`);
  };
  socket.onmessage = ({ data }) => handlers.message(typeof data === "string" ? { text: data } : { text: hex(data), name: `${data.byteLength} bytes` });
  socket.onclose = ({ code, reason, wasClean }) => {
    const text = opened ? `closed with ${code}${reason && `: ${reason}`}` : "refused: a browser does not tell why; a request without an upgrade may";
    handlers.end(text, !opened || !wasClean);
  };
  return { send: (text) => socket.send(text), close: () => socket.close(1000) };
}

/** Returns up to 256 bytes in hexadecimal. */
function hex(buffer) {
  const bytes = new Uint8Array(buffer);
  const text = Array.from(bytes.subarray(0, 256), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return bytes.length > 256 ? `${text} …` : text;
}

/** Opens a stream of events, by fetch: unlike EventSource it sends header fields and tells why it is refused. */
export function openEvents(url, headers, handlers) {
  const stop = new AbortController();
  read(url, { headers: { Accept: "text/event-stream", ...headers }, signal: stop.signal, cache: "no-store" }, handlers).then(
    (text) => handlers.end(text, false),
    (err) => (stop.signal.aborted ? handlers.end("closed", false) : handlers.end(err.message, true)),
  );
  return { close: () => stop.abort() };
}

async function read(url, init, handlers) {
  const response = await fetch(url, init);
  const type = response.headers.get("Content-Type") ?? "";
  if (!response.ok || !type.startsWith("text/event-stream")) {
    const body = (await response.text()).slice(0, 2000);
    throw new Error(`refused with ${response.status} ${response.statusText}${body && `\n${body}`}`);
  }
  handlers.open(`status ${response.status}`);
  const parser = new EventParser(handlers.message);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return "the service has ended the stream";
    parser.feed(value);
  }
}

/** Cuts a stream into events, as HTML's section on server-sent events says. */
export class EventParser {
  #rest = "";
  #data = [];
  #name = "";
  #id = "";

  constructor(message) {
    this.message = message;
  }

  feed(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#name = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
  }

  #dispatch() {
    if (this.#data.length > 0) this.message({ name: this.#name, id: this.#id, text: this.#data.join("\n") });
    this.#data = [];
    this.#name = "";
  }
}
