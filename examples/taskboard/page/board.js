// The three columns and their cards.

import { mayWrite } from "./me.js";
import { editorsOf, peopleAre } from "./people.js";
import * as tasks from "./tasks.js";
import { $, notice, attempt } from "./ui.js";
import { edit, attach } from "./editor.js";

const names = { todo: "To do", doing: "Doing", done: "Done" };
const order = Object.keys(names);
const cards = new Map(); // id → { li, shown }: the card, and what it shows as text

/** Shows the tasks. Cards that stay as they are stay the same elements. */
export function show() {
  const focus = focused();
  const list = tasks.all();
  const there = new Set(list.map((task) => task.id));
  for (const id of cards.keys()) if (!there.has(id)) cards.delete(id);
  for (const status of order) {
    const column = list.filter((task) => task.status === status);
    place($(`[data-status=${status}] ul`), column.map(card));
    $(`[data-status=${status}] h2 b`).textContent = column.length;
    $(`[data-show=${status}] b`).textContent = column.length;
    $(`[data-show=${status}]`).setAttribute("aria-pressed", document.body.dataset.column === status);
  }
  restore(focus);
}

/** Makes items the children of a list, without touching those that are in their place. */
function place(list, items) {
  items.forEach((item, i) => {
    if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
  });
  while (list.children.length > items.length) list.lastChild.remove();
}

/** Returns which button of which card has the focus. */
function focused() {
  const li = document.activeElement?.closest("li[data-id]");
  return li && { id: Number(li.dataset.id), button: document.activeElement.classList[0] };
}

/** Gives the focus back to a card that was made anew or has moved. */
function restore(focus) {
  if (!focus || document.activeElement !== document.body) return;
  const li = cards.get(focus.id)?.li;
  const button = li && [$(`.${focus.button || "title"}`, li), $(".title", li)].find((b) => b && !b.hidden);
  button?.focus();
}

/** Returns the card of a task. Only textContent is written: markup in a title stays text. */
function card(task) {
  const editors = editorsOf(task.id);
  const shown = JSON.stringify([task, editors]);
  const old = cards.get(task.id);
  if (old?.shown === shown) return old.li;
  const li = $("#card").content.firstElementChild.cloneNode(true);
  cards.set(task.id, { li, shown });
  const at = order.indexOf(task.status);
  li.dataset.id = task.id;
  $(".editing", li).textContent = editors.length ? `${peopleAre(editors)} editing this` : "";
  $(".title", li).textContent = task.title;
  $(".title", li).onclick = () => edit(tasks.get(task.id));
  $(".owner", li).textContent = task.owner;
  if (task.due) {
    const due = $(".due", li);
    due.dateTime = task.due;
    due.textContent = `due ${dayText(task.due)}`;
    due.classList.toggle("late", task.status !== "done" && task.due < today());
  }
  $(".tags", li).replaceChildren(...task.tags.map(tagButton));
  $(".files", li).textContent = task.files === 1 ? "1 file" : `${task.files} files`;
  $(".files", li).hidden = !task.files;
  $(".files", li).onclick = () => edit(tasks.get(task.id), "files");
  if (task.version === 0) return underWay(li);
  step($(".back", li), task, order[at - 1], (name) => `← ${name}`);
  step($(".forth", li), task, order[at + 1], (name) => `${name} →`);
  $(".delete", li).ariaLabel = `Delete ${task.title}`;
  $(".delete", li).onclick = () => {
    if (confirm(`Delete “${task.title}”?`)) attempt(() => tasks.remove(tasks.get(task.id)));
  };
  if (mayWrite) draggable(li, task);
  else asShown(li);
  return li;
}

/** What a viewer cannot do is not offered. */
function asShown(li) {
  li.draggable = false;
  $(".actions", li).remove();
}

/** A task that the server has not taken yet cannot be changed. */
function underWay(li) {
  li.ariaBusy = "true";
  li.draggable = false;
  for (const button of li.querySelectorAll("button")) button.disabled = true;
  $(".actions", li).remove();
  return li;
}

function step(button, task, status, text) {
  button.hidden = !status;
  if (!status) return;
  button.textContent = text(names[status]);
  button.ariaLabel = `Move ${task.title} to ${names[status]}`;
  button.onclick = () => move(task.id, status);
}

const move = (id, status) => attempt(() => tasks.update(tasks.get(id), { status }));

function tagButton(tag) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = tag;
  button.title = `Only tasks tagged ${tag}`;
  button.onclick = () => {
    $("#filter").elements.tag.value = tag;
    $("#filter").requestSubmit();
  };
  return button;
}

const hasFiles = (e) => e.dataTransfer.types.includes("Files");

/** A card can be dragged to a column, and files can be dropped on it. */
function draggable(li, task) {
  li.ondragstart = (e) => {
    e.dataTransfer.setData("text/x-task", task.id);
    e.dataTransfer.effectAllowed = "move";
    li.classList.add("moving");
  };
  li.ondragend = () => li.classList.remove("moving");
  li.ondragover = (e) => {
    if (!hasFiles(e)) return;
    e.preventDefault();
    e.dataTransfer.dropEffect = "copy";
    li.classList.add("over");
  };
  li.ondragleave = (e) => li.contains(e.relatedTarget) || li.classList.remove("over");
  li.ondrop = (e) => {
    if (!hasFiles(e)) return;
    e.preventDefault();
    li.classList.remove("over");
    edit(tasks.get(task.id), "files");
    attach([...e.dataTransfer.files]);
  };
}

for (const section of document.querySelectorAll("section[data-status]")) {
  section.ondragover = (e) => {
    if (!e.dataTransfer.types.includes("text/x-task")) return;
    e.preventDefault();
    section.classList.add("over");
  };
  section.ondragleave = (e) => section.contains(e.relatedTarget) || section.classList.remove("over");
  section.ondrop = (e) => {
    section.classList.remove("over");
    const task = tasks.get(Number(e.dataTransfer.getData("text/x-task")));
    if (!task) return;
    e.preventDefault();
    if (task.status !== section.dataset.status) move(task.id, section.dataset.status);
  };
}

// A file that misses its card must not replace the page.
for (const kind of ["dragover", "drop"]) {
  addEventListener(kind, (e) => {
    if (!hasFiles(e) || e.defaultPrevented) return;
    e.preventDefault();
    e.dataTransfer.dropEffect = "none";
    if (kind === "drop") notice("Drop files on a task.");
  });
}

for (const tab of document.querySelectorAll("nav button")) {
  tab.onclick = () => {
    document.body.dataset.column = tab.dataset.show;
    show();
  };
}

const dayText = (day) =>
  new Date(`${day}T00:00`).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });

function today() {
  const now = new Date();
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`;
}
