// The line to the server: two rooms on one connection, which geist.js keeps, and which goes on
// where it broke off. In the room "board" the server tells every change, and pages show
// what their people do; in "chat" people talk. It is a WebSocket where one gets through,
// else Server-Sent Events; with ?live=sse always the latter.

import { connect } from "./geist.js";
import { myName, onMyName } from "./name.js";

const wanted = new URLSearchParams(location.search).get("live");

const client = connect("/rt", {
  token: async () => myName(),
  transports: wanted === "sse" ? ["sse"] : ["ws", "sse"],
  storage: sessionStorage, // what is not sent yet outlives a reload
  key: "taskboard",
});

export const board = client.join("board", { presence: true, show: {} });
export const chat = client.join("chat", { last: 50 });

onMyName(() => client.reconnect()); // the server learns a name when a connection begins

let shown = "{}";

/** Shows the others what this page's user does: { editing: id, typing: true }. */
export function showOthers(what) {
  const now = { ...JSON.parse(shown), ...what };
  if (JSON.stringify(now) === shown) return;
  shown = JSON.stringify(now);
  board.show(now).catch(() => {}); // with the next connection it is shown anyway
}

// ---- how the line is

const line = document.querySelector("#live");
let open = false;
let lost = false; // it was open before
let waiting = 0; // messages that are not sent

function say() {
  const there = navigator.onLine ? (lost ? "Reconnecting" : "Connecting") : "Offline";
  const wait = waiting === 1 ? ": 1 message waits" : `: ${waiting} messages wait`;
  line.dataset.state = open ? "live" : lost ? "waiting" : "connecting";
  line.textContent = open ? "Live" : `${there}${waiting ? wait : navigator.onLine ? "…" : ""}`;
}

client.on("state", (state) => {
  open = state === "open";
  lost ||= open;
  say();
});
addEventListener("online", say);
addEventListener("offline", say);

/** Says how many messages wait to be sent. */
export function wait(count) {
  waiting = count;
  say();
}
