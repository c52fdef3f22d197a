// The board's page. It reads the tasks once, and from then on hears of every change:
//
//	api.js     requests
//	live.js    the line on which changes come
//	tasks.js   what the page knows, whichever way it came
//	board.js   columns and cards
//	editor.js  the dialog, with the files

import { show } from "./board.js";
import { edit, follow } from "./editor.js";
import { connect } from "./live.js";
import * as tasks from "./tasks.js";
import { $, notice } from "./ui.js";

tasks.onChange((id) => {
  show();
  follow(id);
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

const words = { connecting: "Connecting", live: "Live", waiting: "Offline" };

connect({
  event({ event, task, id }) {
    if (event === "task.changed") tasks.heard(task);
    else if (event === "task.deleted") tasks.heardDeleted(id);
    else read(tasks.load); // an import: more than is told one by one
  },
  stale: () => read(tasks.reload),
  state(state) {
    $("#live").dataset.state = state;
    $("#live").textContent = words[state];
  },
});

// ---- the filter

const filter = $("#filter");
const wanted = () =>
  Object.fromEntries([...new FormData(filter)].map(([name, text]) => [name, text.trim()]).filter(([, text]) => text));

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

$("#add").onclick = () => edit();
read(() => tasks.load(wanted())); // a browser may have kept what stood in the filter
