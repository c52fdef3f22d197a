// A channel that one can connect to, send on, and watch.

import { openEvents, openSocket } from "./connection.js";
import { button, field, h } from "./dom.js";
import { Log } from "./log.js";
import { requestForm } from "./request.js";
import { roomsForm } from "./rooms.js";
import { shape } from "./shape.js";

export const kinds = { socket: "WebSocket", events: "Events", rooms: "Rooms" };

/** A channel on the page: element is what to show, close ends its connection. */
export class Panel {
  #connection;

  constructor(channel, { schemas, requestSchemas, root }) {
    this.channel = channel;
    this.schemas = schemas;
    this.log = new Log();
    this.request = requestForm(channel, requestSchemas, root);
    this.state = h("span", { className: "status", role: "status" }, "not connected");
    this.connectButton = h("button", { type: "submit", className: "main" }, "Connect");
    this.form = h("form", { className: "card", noValidate: true, submit: (event) => this.#toggle(event) },
      h("h3", {}, "Connection"), this.request.element, h("div", { className: "row" }, this.connectButton, this.state));
    this.sender = channel.kind === "socket" ? this.#sender() : channel.kind === "rooms" ? roomsForm(this.log) : undefined;
    this.element = h("article", {}, heading(channel),
      h("div", { className: "columns" },
        h("div", {}, this.form, this.sender?.element, this.#messages()),
        this.log.element));
    this.sender?.enable(false);
  }

  close() {
    this.#connection?.close();
  }

  #toggle(event) {
    event.preventDefault();
    if (this.#connection) {
      this.#tell("closing…");
      return this.#connection.close();
    }
    try {
      this.#connect();
    } catch (err) {
      this.#tell(err.message, "bad");
    }
  }

  #connect() {
    const { url, headers, protocols, token } = this.request.read();
    this.#tell("connecting…");
    const handlers = {
      open: (note) => {
        this.#tell("connected", "good");
        this.log.add("note", note, { name: "connected" });
        this.sender?.enable(true);
      },
      wait: (note) => {
        this.#tell(note);
        this.sender?.enable(false);
      },
      message: ({ name, id, text }) => this.#received(name, id, text),
      end: (text, bad) => this.#ended(text, bad),
    };
    const ways = {
      socket: () => openSocket(url, protocols, handlers),
      events: () => openEvents(url, headers, handlers),
      rooms: () => this.sender.open(url, token, handlers),
    };
    this.#connection = ways[this.channel.kind]();
    this.connectButton.textContent = "Disconnect";
  }

  #ended(text, bad) {
    this.#connection = undefined;
    this.connectButton.textContent = "Connect";
    this.#tell("not connected");
    this.log.add(bad ? "bad" : "note", bad ? text : "", { name: bad ? "" : text });
    this.sender?.enable(false);
  }

  #tell(text, mood = "") {
    this.state.textContent = text;
    this.state.className = `status ${mood}`;
  }

  /** Names a message by the first of the document that it fits. */
  #received(name = "", id = "", text = "") {
    const candidates = this.channel.emits.filter((m) => m.known && (this.channel.kind !== "events" || m.event === name));
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      return this.log.add("in", text, { name, id, problems: candidates.length > 0 ? ["it is no JSON"] : [] });
    }
    const checked = candidates.map((m) => ({ m, problems: this.schemas.check(m.payload, value) }));
    const fit = checked.find(({ problems }) => problems.length === 0);
    const problems = fit ? [] : (checked[0]?.problems ?? []);
    this.log.add("in", text, { name: name || fit?.m.title, id, problems });
  }

  /** The form that sends messages of a WebSocket. */
  #sender() {
    const { receives } = this.channel;
    const [first] = receives;
    const kind = receives.length > 1 && h("select", {}, receives.map((m, i) => h("option", { value: String(i) }, m.title)));
    const current = () => receives[kind ? Number(kind.value) : 0];
    const body = h("textarea", { rows: 6, spellcheck: false });
    const says = h("p", { className: "problems", role: "alert" });
    const fill = () => {
      const message = current();
      body.value = message?.known ? JSON.stringify(this.schemas.example(message.payload), null, 2) : "";
      check();
    };
    const check = () => {
      const problems = problemsOf(this.schemas, current(), body.value);
      says.textContent = problems.join("; ");
      body.setAttribute("aria-invalid", problems.length > 0);
    };
    const send = h("button", { type: "submit", className: "main" }, "Send");
    body.addEventListener("input", check);
    body.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && element.requestSubmit());
    kind && kind.addEventListener("change", fill);
    const submit = (event) => {
      event.preventDefault();
      if (send.disabled) return;
      const text = compact(body.value);
      this.#connection.send(text);
      this.log.add("out", text, { name: first?.known ? current().title : "" });
    };
    const element = h("form", { className: "card", submit }, h("h3", {}, "Send"), kind && field("Message", kind),
      field(kind ? "Text" : "Message", body, { note: "Ctrl+Enter sends. What does not fit the schema is sent, too: to see what the service says." }), says,
      h("div", { className: "row" }, send, button("Example", fill)));
    fill();
    return { element, enable: (on) => (send.disabled = !on) };
  }

  /** What is sent and what comes, with schemas and examples. */
  #messages() {
    const { receives, emits, kind } = this.channel;
    const part = (title, list) => list.length > 0 && h("section", {}, h("h3", {}, title), list.map((message) => this.#message(message)));
    if (kind === "rooms" && ![...receives, ...emits].some((m) => m.event)) return undefined;
    return h("div", { className: "card messages" }, part("Messages to the service", receives), part("Messages from the service", emits));
  }

  #message(message) {
    const content = message.known
      ? [shape(this.schemas, message.payload), h("details", {}, h("summary", {}, "Example"), h("pre", {}, JSON.stringify(this.schemas.example(message.payload), null, 2)))]
      : h("p", { className: "note" }, "Anything; nothing is documented.");
    return h("div", { className: "message" }, h("h4", {}, message.event ? [message.event, h("span", { className: "note" }, " event")] : message.title), content);
  }
}

function heading(channel) {
  return h("header", {},
    h("h2", {}, channel.title),
    h("p", { className: "address" }, h("span", { className: `badge ${channel.kind}` }, kinds[channel.kind]), h("code", {}, channel.address), channel.deprecated && h("span", { className: "bound" }, "deprecated")),
    channel.description && channel.description !== channel.title && h("p", {}, channel.description));
}

/** Returns a text without the white space of JSON, if it is JSON. */
function compact(text) {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

function problemsOf(schemas, message, text) {
  if (!message?.known) return [];
  try {
    return schemas.check(message.payload, JSON.parse(text));
  } catch (err) {
    return [`no JSON: ${err.message}`];
  }
}
