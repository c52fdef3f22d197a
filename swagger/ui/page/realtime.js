// The page for real time: the list of channels, of which the address names one behind #.

import { Panel, kinds } from "./channel.js";
import { load } from "./document.js";
import { h } from "./dom.js";

const { root, documents } = document.documentElement.dataset;
const here = location.href.replace(/[?#].*/, "");
const list = document.getElementById("channels");
const place = document.getElementById("channel");
const panels = new Map(); // by id; their connections go on while others are looked at

function say(text, bad) {
  place.replaceChildren(h("p", { className: bad ? "state bad" : "state", role: bad ? "alert" : "status" }, text));
}

async function start() {
  const { channels, ...read } = await load(new URL(documents, here));
  const links = new Map();
  const groups = Map.groupBy(channels, ({ tags }) => tags[0] ?? "");
  list.replaceChildren(...[...groups].map(([tag, members]) => h("section", {}, tag && h("h2", {}, tag), h("ul", {}, members.map((channel) => {
    const link = h("a", { href: `#${channel.id}` },
      h("span", { className: `badge ${channel.kind}` }, kinds[channel.kind]), h("span", { className: "name" }, channel.title), h("code", {}, channel.address));
    links.set(channel.id, link);
    return h("li", {}, link);
  })))));

  const show = () => {
    const wanted = location.hash.slice(1); // ids need no escapes, so that there is nothing to undo
    const channel = wanted ? channels.find(({ id }) => id === wanted) : channels[0];
    for (const [id, link] of links) link.setAttribute("aria-current", id === channel?.id ? "page" : "false");
    if (!channel) return say(`There is no channel ${wanted}.`, true);
    if (!panels.has(channel.id)) panels.set(channel.id, new Panel(channel, { ...read, root: new URL(root, here) }));
    place.replaceChildren(panels.get(channel.id).element);
    document.title = `${channel.title}: real time`;
  };
  addEventListener("hashchange", () => {
    show();
    place.focus({ preventScroll: true });
  });
  addEventListener("pagehide", () => panels.forEach((panel) => panel.close()));
  show();
}

start().catch((err) => say(err.message, true));
