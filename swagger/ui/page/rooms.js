// Rooms: a connection that speaks geist.v1, by geist.js.

import { button, field, h } from "./dom.js";
import { connect } from "./geist.js";

/** Returns the forms of a connection with rooms: to join, publish and call. */
export function roomsForm(log) {
  return new RoomsForm(log);
}

class RoomsForm {
  #client;
  #rooms = new Map(); // by name
  #members = new Map(); // the elements that count them, by name

  constructor(log) {
    this.log = log;
    this.name = h("input", { type: "text", autocomplete: "off", value: "lobby" });
    this.presence = h("input", { type: "checkbox" });
    this.joined = h("ul", { className: "joined", "aria-label": "Rooms that one is in" });
    this.room = h("select", {});
    this.event = h("input", { type: "text", autocomplete: "off" });
    this.data = h("textarea", { rows: 3, spellcheck: false, value: '{\n  "text": "Hello"\n}' });
    this.call = h("input", { type: "text", autocomplete: "off" });
    this.argument = h("textarea", { rows: 2, spellcheck: false, value: "null" });
    this.buttons = ["Join", "Publish", "Call"].map((text) => h("button", { type: "submit", className: "main" }, text));
    const [join, publish, call] = this.buttons;
    this.element = h("div", {},
      h("form", { className: "card", submit: (event) => this.#act(event, () => this.#join()) },
        h("h3", {}, "Rooms"), field("Room", this.name),
        h("div", { className: "row" }, join, h("label", {}, this.presence, " See its members")), this.joined),
      h("form", { className: "card", submit: (event) => this.#act(event, () => this.#publish()) },
        h("h3", {}, "Publish"), field("To room", this.room), field("Event", this.event, { note: "The message's name; may be empty." }), field("Data", this.data, { note: "Any JSON." }),
        h("div", { className: "row" }, publish)),
      h("details", { className: "card" }, h("summary", {}, "Call the application"),
        h("form", { submit: (event) => this.#act(event, () => this.#call()) },
          field("Name", this.call), field("Argument", this.argument, { note: "Any JSON." }), h("div", { className: "row" }, call))));
  }

  enable(on) {
    for (const one of this.buttons) one.disabled = !on;
    this.buttons[1].disabled = !on || this.#rooms.size === 0;
  }

  /** Connects. The client reconnects by itself until it is closed. */
  open(url, token, handlers) {
    const client = connect(url, { token: token ? () => token : undefined });
    this.#client = client;
    let ended = false;
    const end = (text, bad) => {
      if (ended) return;
      ended = true;
      this.#forget();
      handlers.end(text, bad);
    };
    client.on("state", (state, reason) => {
      if (state === "open") handlers.open(`as ${client.me?.user || client.me?.conn}`);
      else if (state === "closed") end(reason || "closed", Boolean(reason) && reason !== "closed");
      else handlers.wait([state, reason].filter(Boolean).join(": "));
    });
    client.on("message", (message) => this.#heard("outside of rooms", message));
    client.on("ask", (data, event) => this.log.add("in", JSON.stringify(data), { name: `asked ${event ?? ""}` }));
    client.on("error", (err) => this.log.add("bad", [err.code, err.message].filter(Boolean).join(": ")));
    return { close: () => (client.close(), end("closed", false)) };
  }

  async #act(event, action) {
    event.preventDefault();
    try {
      await action();
    } catch (err) {
      this.log.add("bad", [err.code, err.message].filter(Boolean).join(": "));
    }
  }

  #join() {
    const name = this.name.value;
    if (!name || this.#rooms.has(name)) return;
    const room = this.#client.join(name, { presence: this.presence.checked });
    this.#rooms.set(name, room);
    const count = h("span", { className: "note" });
    this.#members.set(name, count);
    room.on("joined", ({ offset, recovered }) => this.log.add("note", "", { name: `${name}: joined at ${offset}${recovered ? ", nothing missed" : ""}` }));
    room.on("message", (message) => this.#heard(name, message));
    room.on("gap", ({ missed }) => this.log.add("note", "", { name: `${name}: ${missed ?? "some"} messages are missing` }));
    room.on("presence", (members) => (count.textContent = `${members.size} ${members.size === 1 ? "member" : "members"}`));
    room.on("left", (code, text) => this.#out(name, "note", [code, text].filter(Boolean).join(": ")));
    room.on("error", (err) => this.#out(name, "bad", [err.code, err.message].filter(Boolean).join(": ")));
    this.#draw();
  }

  async #publish() {
    const data = JSON.parse(this.data.value);
    const room = this.#rooms.get(this.room.value);
    this.log.add("out", JSON.stringify(data), { name: [room.name, this.event.value].filter(Boolean).join(" ") });
    await room.publish(data, this.event.value ? { event: this.event.value } : {});
  }

  async #call() {
    const argument = JSON.parse(this.argument.value);
    this.log.add("out", JSON.stringify(argument), { name: `call ${this.call.value}` });
    const result = await this.#client.call(this.call.value, argument);
    this.log.add("in", JSON.stringify(result) ?? "", { name: `answer of ${this.call.value}` });
  }

  #heard(place, { data, event, id }) {
    const text = data instanceof Uint8Array ? `${data.length} bytes` : JSON.stringify(data);
    this.log.add("in", text, { name: [place, event].filter(Boolean).join(" "), id });
  }

  /** The room is over, by the word of the server. */
  #out(name, kind, text) {
    this.#rooms.delete(name);
    this.log.add(kind, kind === "bad" ? `${name}: ${text}` : "", { name: kind === "bad" ? "" : `${name}: ${text}` });
    this.#draw();
  }

  #leave(name) {
    const room = this.#rooms.get(name);
    this.#rooms.delete(name);
    room.leave().catch((err) => this.log.add("bad", `${name}: ${err.message}`));
    this.#draw();
  }

  #forget() {
    this.#rooms.clear();
    this.#draw();
  }

  #draw() {
    const names = [...this.#rooms.keys()];
    this.joined.replaceChildren(...names.map((name) => h("li", {}, h("b", {}, name), this.#members.get(name), button("Leave", () => this.#leave(name), { "aria-label": `Leave ${name}` }))));
    const chosen = this.room.value;
    this.room.replaceChildren(...names.map((name) => h("option", { value: name, selected: name === chosen }, name)));
    this.buttons[1].disabled = names.length === 0 || this.buttons[0].disabled;
  }
}
