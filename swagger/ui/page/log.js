// Shows what happens on a channel, the newest first.

import { button, h } from "./dom.js";

const most = 300; // entries that are kept

const marks = { in: "received", out: "sent", note: "note", bad: "problem" };

/** A log with its buttons: element is what to show. */
export class Log {
  #entries = []; // the oldest first
  #waiting = []; // what has come since Pause
  #paused = false;
  #dropped = 0;

  constructor() {
    this.list = h("ol", { className: "entries", role: "log", "aria-label": "Events, the newest first", tabIndex: 0, reversed: true });
    this.count = h("span", { className: "count" });
    this.pauseButton = button("Pause", () => this.#pause());
    this.copyButton = button("Copy", () => this.#copy());
    this.element = h("section", { className: "log", "aria-label": "Events" },
      h("div", { className: "head" }, h("h3", {}, "Events"), this.count, this.pauseButton, button("Clear", () => this.#clear()), this.copyButton),
      this.list);
    this.#tell();
  }

  /** Adds an entry: kind is in, out, note or bad, and problems say what is wrong with a message. */
  add(kind, text, { name = "", id = "", problems = [] } = {}) {
    const entry = { at: new Date(), kind, name, id, text, problems };
    if (this.#paused) this.#waiting.push(entry);
    else this.#show(entry);
    if (this.#waiting.length > most) {
      this.#waiting.shift();
      this.#dropped++;
    }
    this.#tell();
  }

  #show(entry) {
    this.#entries.push(entry);
    this.list.prepend(draw(entry));
    if (this.#entries.length > most) {
      this.#entries.shift();
      this.list.lastElementChild.remove();
      this.#dropped++;
    }
  }

  #pause() {
    this.#paused = !this.#paused;
    if (!this.#paused) for (const entry of this.#waiting.splice(0)) this.#show(entry);
    this.#tell();
  }

  #clear() {
    this.#entries = [];
    this.#waiting = [];
    this.#dropped = 0;
    this.list.replaceChildren();
    this.#tell();
  }

  async #copy() {
    const text = this.#entries.map(({ at, kind, name, id, text }) => JSON.stringify({ at, kind: marks[kind], name: name || undefined, id: id || undefined, text })).join("\n");
    const done = await copy(text);
    this.copyButton.textContent = done ? "Copied" : "Not allowed";
    setTimeout(() => (this.copyButton.textContent = "Copy"), 1500);
  }

  #tell() {
    this.pauseButton.textContent = this.#paused ? `Resume (${this.#waiting.length} new)` : "Pause";
    this.pauseButton.setAttribute("aria-pressed", this.#paused);
    this.count.textContent = `${this.#entries.length}${this.#dropped ? `, ${this.#dropped} older ones dropped` : ""}`;
    this.list.dataset.empty = this.#entries.length === 0;
  }
}

function draw({ at, kind, name, id, text, problems }) {
  const time = at.toTimeString().slice(0, 8) + `.${at.getMilliseconds()}`.padEnd(4, "0");
  return h("li", { className: kind },
    h("div", { className: "line" }, h("span", { className: "mark" }, marks[kind]), name && h("b", {}, name), id && h("span", { className: "note" }, `id ${id}`), h("time", { dateTime: at.toISOString() }, time)),
    text && h("pre", {}, pretty(text)),
    problems.length > 0 && h("p", { className: "problems" }, `not as documented: ${problems.join("; ")}`));
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Puts a text on the clipboard, without its interface too: that needs HTTPS. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { value: text, className: "away" });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
