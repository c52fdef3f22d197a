// The chat beside the board. What the user writes is shown at once, and waits at the end
// until the server has given it its place; without a line it waits longer, and is sent once.

import { keep, kept } from "./kept.js";
import { chat as room, showOthers, wait } from "./live.js";
import { myName } from "./me.js";
import { avatar, peopleAre, typists } from "./people.js";
import { $ } from "./ui.js";

const most = 500; // messages that the page keeps
const together = 5 * 60_000; // milliseconds in which messages of one person stand together
const pause = 4000; // milliseconds without a key until somebody does not write any more

const panel = $("#chat");
const list = $("#messages");
const log = $("#log"); // which scrolls
const form = $("#say");
const field = form.elements.text;
const pending = new Set(); // { sent, li, waits } of what the server has not told yet; waits: nor answered

// ---- messages

room.on("message", (m) => {
  const below = atEnd();
  for (const mine of pending) if (mine.sent.id === m.id) drop(mine);
  const li = item(m.data);
  li.dataset.offset = m.offset;
  insert(li);
  join(li);
  if (m.data.name !== myName && m.offset > read() && !reads()) unread++;
  arrived(below);
});

// The server no longer has all that was said while this page was away.
room.on("gap", () => {
  const li = document.createElement("li");
  li.className = "gap";
  li.dataset.offset = 0;
  li.textContent = "Some messages are missing here.";
  insert(li);
});

/** Puts what has its place before what has none yet. */
function insert(li) {
  const last = [...list.children].findLast((other) => other.dataset.offset);
  last ? last.after(li) : list.prepend(li);
  while (list.children.length > most) list.firstElementChild.remove();
}

/** Takes away what has come, or is sent again. */
function drop(mine) {
  mine.li.remove();
  pending.delete(mine);
  sayWaiting();
}

const sayWaiting = () => wait([...pending].filter(({ waits }) => waits).length);

/** Returns the item of a message. Only textContent is written: markup stays text. */
function item({ name, text, at }) {
  const li = $("#message").content.firstElementChild.cloneNode(true);
  const time = new Date(at);
  li.dataset.name = name;
  li.dataset.at = at;
  avatar($(".avatar", li), name);
  $("b", li).textContent = name;
  $("time", li).dateTime = time.toISOString();
  $("time", li).textContent = timeText(time);
  $(".text", li).textContent = text;
  li.classList.toggle("mine", name === myName);
  return li;
}

/** Joins a message to the one before, if that is of the same person and not old. */
function join(li) {
  const before = li.previousElementSibling;
  li.classList.toggle("more", before?.dataset.name === li.dataset.name && li.dataset.at - before.dataset.at < together);
}

function timeText(time) {
  const hours = { hour: "2-digit", minute: "2-digit" };
  const today = time.toDateString() === new Date().toDateString();
  return time.toLocaleString(undefined, today ? hours : { day: "numeric", month: "short", ...hours });
}

// ---- writing

function send(text) {
  const sent = room.publish({ text });
  const li = item({ name: myName, text, at: Date.now() });
  li.classList.add("pending");
  $(".fate span", li).textContent = "waits to be sent";
  list.append(li);
  join(li);
  const mine = { sent, li, waits: true };
  pending.add(mine);
  sayWaiting();
  toEnd();
  sent
    .then(() => li.classList.remove("pending"), (err) => failed(mine, text, err))
    .finally(() => {
      mine.waits = false;
      sayWaiting();
    });
}

/** Says that a message was not sent; if it comes all the same, that goes away with it. */
function failed(mine, text, err) {
  mine.li.classList.replace("pending", "failed");
  $(".fate span", mine.li).textContent =
    err.code === "unknown_outcome" ? "Nobody knows whether this was sent." : `Not sent: ${err.message}`;
  const again = $(".fate button", mine.li);
  again.hidden = false;
  again.onclick = () => {
    drop(mine);
    send(text);
    field.focus();
  };
}

form.onsubmit = (e) => {
  e.preventDefault();
  const text = field.value.trim();
  if (!text) return;
  field.value = "";
  rests();
  send(text);
};

field.onkeydown = (e) => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  form.requestSubmit();
};

let resting;
const rests = () => {
  clearTimeout(resting);
  showOthers({ typing: undefined });
};

field.oninput = () => {
  if (!field.value.trim()) return rests();
  showOthers({ typing: true });
  clearTimeout(resting);
  resting = setTimeout(rests, pause);
};

/** Shows who writes. */
export function showTypists() {
  const names = typists();
  $("#typing").textContent = names.length ? `${peopleAre(names)} writing…` : "";
}

// ---- what was read

let unread = 0;
const readKey = `read ${myName}`;

/** Returns the offset up to which this browser's user has read. */
function read() {
  const [epoch, offset] = JSON.parse(kept(readKey)) ?? room.position;
  return epoch === room.position[0] ? offset : 0;
}

// Who is here for the first time has not missed anything.
room.on("joined", ({ epoch, head }) => {
  if (!kept(readKey)) keep(readKey, JSON.stringify([epoch, head]));
});

const reads = () => !panel.hidden && !document.hidden && atEnd();

const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;

/** Shows the newest message, if the user was at the end, or that there is one. */
function arrived(below) {
  below ? toEnd() : showUnread();
}

function toEnd() {
  log.scrollTop = log.scrollHeight;
  if (reads()) {
    unread = 0;
    if (room.position) keep(readKey, JSON.stringify(room.position));
  }
  showUnread();
}

function showUnread() {
  $("#unread").textContent = unread > 99 ? "99+" : unread;
  $("#unread").hidden = !unread;
  $("#talk").ariaLabel = unread ? `Chat, ${unread} unread` : "Chat";
  $("#newest").hidden = panel.hidden || atEnd();
  document.title = unread ? `(${unread}) Taskboard` : "Taskboard";
}

for (const [target, event] of [[log, "scroll"], [document, "visibilitychange"]]) {
  target.addEventListener(event, () => atEnd() && toEnd());
}
$("#newest").onclick = toEnd;

// ---- the panel: beside the board, or over it where there is no room

const narrow = matchMedia("(max-width: 64rem)");

function toggle(open) {
  panel.hidden = !open;
  $("#talk").ariaExpanded = open;
  cover();
  if (open) toEnd();
}

/** What the panel lies over cannot be reached. */
function cover() {
  for (const under of [$("#board"), $("body > header")]) under.inert = narrow.matches && !panel.hidden;
}

function choose(open) {
  toggle(open);
  if (!narrow.matches) keep("chat", open ? "open" : "closed");
  (open ? field : $("#talk")).focus();
}

$("#talk").onclick = () => choose(panel.hidden);
$("#chat-close").onclick = () => choose(false);
panel.onkeydown = (e) => {
  if (e.key === "Escape" && narrow.matches) choose(false);
};
$("#desk").onclick = (e) => {
  if (narrow.matches && !panel.hidden && e.target === e.currentTarget) choose(false); // beside it
};
narrow.onchange = cover;
toggle(!narrow.matches && kept("chat") !== "closed");
