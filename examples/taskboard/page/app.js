// The board's page: it shows what GET /api/tasks returns and sends changes back.
// The server is the truth: after every change the page shows what the server answered.

const names = { todo: "To do", doing: "Doing", done: "Done" };
const order = ["todo", "doing", "done"];

const $ = (selector, root = document) => root.querySelector(selector);
const filter = $("#filter");
const editor = $("#editor");
const editorForm = $("form", editor);

let tasks = []; // what the board shows, in the order of ids
let edited = null; // the task in the editor; null for a new one
let loading = null; // AbortController of the load under way

// ---- the API

/** A request that was answered with a problem document, or not at all. */
class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || "The server does not answer.");
    this.status = status;
    this.errors = problem.errors || [];
  }
}

async function api(method, path, { body, version, signal } = {}) {
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  if (version) headers["If-Match"] = `"${version}"`;
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  } catch (err) {
    if (err.name === "AbortError") throw err;
    throw new Problem(0, {});
  }
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})));
  return response.status === 204 ? null : response.json();
}

/** Reads all pages of the tasks that the filter selects. */
async function load() {
  loading?.abort();
  loading = new AbortController();
  const { signal } = loading;
  const query = new URLSearchParams({ limit: "200" });
  for (const [name, value] of new FormData(filter)) if (value.trim()) query.set(name, value.trim());
  try {
    const found = [];
    for (let next = `/api/tasks?${query}`; next;) {
      const page = await api("GET", next, { signal });
      found.push(...page.tasks);
      next = page.next;
    }
    tasks = found;
    notice("");
    show();
  } catch (err) {
    if (err.name !== "AbortError") notice(err.message);
  }
}

/** Makes a change and shows its outcome. Somebody else may have been quicker. */
async function change(work) {
  try {
    await work();
    await load();
  } catch (err) {
    if (err.status !== 412 && err.status !== 404) return notice(err.message);
    await load();
    notice("Somebody else has changed this task; this is how it is now.");
  }
}

const move = (task, status) =>
  change(() => api("PATCH", `/api/tasks/${task.id}`, { body: { status }, version: task.version }));

const remove = (task) => {
  if (!confirm(`Delete “${task.title}”?`)) return;
  return change(() => api("DELETE", `/api/tasks/${task.id}`, { version: task.version }));
};

// ---- the board

function show() {
  for (const status of order) {
    const column = tasks.filter((t) => t.status === status);
    $(`[data-status=${status}] ul`).replaceChildren(...column.map(card));
    $(`[data-status=${status}] h2 b`).textContent = column.length;
    $(`[data-show=${status}] b`).textContent = column.length;
    $(`[data-show=${status}]`).classList.toggle("on", document.body.dataset.column === status);
  }
}

/** Builds a card. Only textContent is written: a title with markup in it stays text. */
function card(task) {
  const li = $("#card").content.firstElementChild.cloneNode(true);
  const at = order.indexOf(task.status);
  li.dataset.id = task.id;
  $(".title", li).textContent = task.title;
  $(".title", li).onclick = () => edit(task);
  $(".owner", li).textContent = task.owner;
  if (task.due) {
    const due = $(".due", li);
    due.dateTime = task.due;
    due.textContent = `due ${dayText(task.due)}`;
    due.classList.toggle("late", task.status !== "done" && task.due < today());
  }
  $(".tags", li).replaceChildren(...task.tags.map(tagButton));
  step($(".back", li), task, order[at - 1], "←");
  step($(".forth", li), task, order[at + 1], "→");
  $(".delete", li).onclick = () => remove(task);
  li.ondragstart = (e) => {
    e.dataTransfer.setData("text/plain", task.id);
    e.dataTransfer.effectAllowed = "move";
    li.classList.add("moving");
  };
  li.ondragend = () => li.classList.remove("moving");
  return li;
}

function step(button, task, status, arrow) {
  button.hidden = !status;
  if (!status) return;
  button.textContent = arrow === "←" ? `← ${names[status]}` : `${names[status]} →`;
  button.onclick = () => move(task, status);
}

function tagButton(tag) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = tag;
  button.title = `Only tasks tagged ${tag}`;
  button.onclick = () => {
    filter.elements.tag.value = tag;
    load();
  };
  return button;
}

const dayText = (day) =>
  new Date(`${day}T00:00`).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });

function today() {
  const now = new Date();
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`;
}

function notice(text) {
  $("#notice").textContent = text;
  $("#notice").hidden = !text;
}

for (const section of document.querySelectorAll("section")) {
  section.ondragover = (e) => {
    e.preventDefault();
    section.classList.add("over");
  };
  section.ondragleave = () => section.classList.remove("over");
  section.ondrop = (e) => {
    e.preventDefault();
    section.classList.remove("over");
    const task = tasks.find((t) => String(t.id) === e.dataTransfer.getData("text/plain"));
    if (task && task.status !== section.dataset.status) move(task, section.dataset.status);
  };
}

// ---- the editor

function edit(task) {
  edited = task;
  const fields = editorForm.elements;
  fields.title.value = task?.title ?? "";
  fields.owner.value = task?.owner ?? "";
  fields.due.value = task?.due ?? "";
  fields.tags.value = task?.tags.join(", ") ?? "";
  fields.status.value = task?.status ?? "todo";
  $("#editor-title").textContent = task ? "Change task" : "New task";
  wrong([]);
  editor.showModal();
  fields.title.focus();
}

editorForm.onsubmit = async (e) => {
  e.preventDefault();
  const fields = editorForm.elements;
  const body = {
    title: fields.title.value,
    owner: fields.owner.value,
    status: fields.status.value,
    due: fields.due.value || null,
    tags: fields.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean),
  };
  try {
    if (edited) await api("PATCH", `/api/tasks/${edited.id}`, { body, version: edited.version });
    else await api("POST", "/api/tasks", { body });
    editor.close();
    load();
  } catch (err) {
    wrong(err.errors?.length ? err.errors : [{ pointer: "", detail: err.message }]);
    if (err.status === 412 || err.status === 404) load(); // what Cancel leads back to is fresh
  }
};

/** Shows each problem of a 422 beside its field: "#/tags/1" belongs to tags. */
function wrong(errors) {
  for (const line of editor.querySelectorAll(".wrong")) {
    const mine = errors.filter(({ pointer }) => (pointer.split("/")[1] ?? "") === line.dataset.field);
    line.textContent = mine.map(({ detail }) => detail).join("; ");
  }
}

$("button[value=cancel]", editor).onclick = () => editor.close();
$("#add").onclick = () => edit(null);

for (const tab of document.querySelectorAll("nav button")) {
  tab.onclick = () => {
    document.body.dataset.column = tab.dataset.show;
    show();
  };
}

let typing;
filter.oninput = () => {
  clearTimeout(typing);
  typing = setTimeout(load, 200);
};
filter.onsubmit = (e) => {
  e.preventDefault();
  load();
};

// Somebody else may have worked while this page was in the background.
document.addEventListener("visibilitychange", () => document.hidden || load());
load();
