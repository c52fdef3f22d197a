// The line to the server: two rooms on one connection, which geist.js keeps, and which goes on
// where it broke off. In the room "board" the server tells every change, and pages show
// what their people do; in "chat" people talk. It is a WebSocket where one gets through,
// else Server-Sent Events; with ?live=sse always the latter.

import { api } from "./api.js";
import { connect } from "./geist.js";
import { keptByTab } from "./kept.js";
import { myName, signIn } from "./me.js";
import { $ } from "./ui.js";

const wanted = new URLSearchParams(location.search).get("live");

export const client = connect("/rt", {
  transports: wanted === "sse" ? ["sse"] : ["ws", "sse"],
  storage: keptByTab(), // what is not sent yet outlives a reload
  key: `taskboard ${myName}`, // nobody sends what another has written in this tab
});

// Both begin anew with the page, which reads the tasks, and shows the last of what was said.
export const board = client.join("board", { since: null, presence: true, show: {} });
export const chat = client.join("chat", { last: 50 });

$("#leave").onsubmit = () => client.close(); // the form is on its way

// Who signs out, on whatever page of this browser, is put out of the rooms.
board.on("left", (code) => {
  if (code !== "unauthorized") return;
  client.close();
  signIn();
});

// ---- what this page's user does

let doing = {};
let shown = "{}"; // as the server has it, or will; "" if it may not

/** Shows the others what this page's user does: { editing: id, typing: true }. */
export function showOthers(what) {
  doing = { ...doing, ...what };
  tell();
}

// Without a line there is nobody to show it to.
function tell() {
  const now = JSON.stringify(doing);
  if (client.state !== "open" || now === shown) return;
  shown = now;
  board.show(doing).catch(() => (shown = "")); // the next says it, too
}

// ---- how the line is

const line = $("#live");
let lost = false; // it was open before
let waiting = 0; // messages that are not sent

function say() {
  const live = client.state === "open" && navigator.onLine;
  const wait = waiting === 1 ? ": 1 message waits" : waiting ? `: ${waiting} messages wait` : "";
  line.dataset.state = live ? "live" : lost ? "waiting" : "connecting";
  if (live) line.textContent = "Live";
  else if (client.state === "closed") line.textContent = "Reload the page";
  else if (!navigator.onLine) line.textContent = `Offline${wait}`;
  else line.textContent = `${lost ? "Reconnecting" : "Connecting"}${wait || "…"}`;
}

client.on("state", () => {
  lost ||= client.state === "open";
  // A WebSocket is not told why it is refused: this request is, and then the page signs in.
  if (client.state === "waiting") api("GET", "/api/me").catch(() => {});
  say();
  tell();
});
addEventListener("online", say);
addEventListener("offline", say);

/** Says how many messages wait to be sent. */
export function wait(count) {
  waiting = count;
  say();
}
