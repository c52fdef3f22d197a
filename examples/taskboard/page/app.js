// The board's page. It reads the tasks once, and from then on hears of every change:
//
//	api.js     requests
//	kept.js    what the browser keeps
//	live.js    the line on which changes come, and messages
//	tasks.js   what the page knows, whichever way it came
//	board.js   columns and cards
//	editor.js  the dialog, with the files
//	people.js  who is here; me.js: who one is
//	chat.js    the chat

import { show } from "./board.js";
import { showTypists } from "./chat.js";
import { edit, follow, showEditors } from "./editor.js";
import { board, client } from "./live.js";
import { onPeople } from "./people.js";
import * as tasks from "./tasks.js";
import { $, notice } from "./ui.js";

tasks.onChange((id) => {
  show();
  follow(id);
});

onPeople(() => {
  show();
  showEditors();
  showTypists();
});

/** Reads tasks by load or reload, and says so if that does not work. */
async function read(how) {
  try {
    await how();
    notice("");
  } catch (err) {
    if (err.name !== "AbortError") notice(err.message);
  }
}

board.on("message", ({ data: { event, task, id } }) => {
  if (event === "task.changed") tasks.heard(task);
  else if (event === "task.deleted") tasks.heardDeleted(id);
  else read(tasks.load); // more than is told one by one, or maybe less
});
let joined = false;
board.on("joined", ({ recovered }) => {
  if (!joined || !recovered) read(tasks.reload); // what changed before is not told
  joined = true;
});
board.on("gap", () => read(tasks.reload));
client.on("error", (err) => {
  // A message without its line in the chat was written before a reload.
  notice(err.room ? `A message that you wrote before may not have been sent: ${err.message}` : `The server says: ${err.message}`);
});

// ---- the filter

const filter = $("#filter");

/** Returns what the filter selects. What filters is shown. */
function wanted() {
  const all = [...new FormData(filter)].map(([name, text]) => [name, text.trim()]).filter(([, text]) => text);
  if (all.some(([name]) => name !== "q")) showAll(true);
  return Object.fromEntries(all);
}

function showAll(yes) {
  filter.classList.toggle("all", yes);
  $("#more").ariaExpanded = yes;
}

let typing;
filter.oninput = () => {
  clearTimeout(typing);
  typing = setTimeout(() => read(() => tasks.load(wanted())), 200);
};
filter.onsubmit = (e) => {
  e.preventDefault();
  clearTimeout(typing);
  read(() => tasks.load(wanted()));
};

$("#more").onclick = () => showAll(!filter.classList.contains("all"));
$("#add").onclick = () => edit();
read(() => tasks.load(wanted())); // a browser may have kept what stood in the filter
