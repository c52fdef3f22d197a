// The dialog in which a task is written, and its files are attached. While it is open,
// others may change the task: what the user has not touched follows, what both have
// changed is said, and the user's stays. A save closes it at once; if the server refuses,
// it comes back with what was written.

import { api, sendFiles } from "./api.js";
import { showOthers } from "./live.js";
import { mayWrite } from "./me.js";
import { editorsOf, peopleAre } from "./people.js";
import * as tasks from "./tasks.js";
import { $, notice, sizeText } from "./ui.js";

const editor = $("#editor");
const form = $("form", editor);
const fields = form.elements;
let edited = null; // the task as it was last shown in the fields; null for a new one
let waiting = []; // files for a task that is not there yet
const maxUpload = 64 << 20; // bytes of one request, as the server has it
const uploads = new Set(); // AbortControllers of what is on its way

/** Opens the dialog, for a new task without one, at its files if part says so. */
export function edit(task, part) {
  edited = task ?? null;
  waiting = [];
  $("#editor-title").textContent = task ? "Change task" : "New task";
  fill(textsOf(task));
  wrong([]);
  $("#uploads").replaceChildren();
  $("#files-status").textContent = "";
  showFiles([]);
  if (task) loadFiles();
  if (!editor.open) editor.showModal();
  showOthers({ editing: mayWrite ? task?.id : undefined });
  showEditors();
  (part === "files" ? $("#pick") : fields.title).focus();
}

/** Shows who else edits the task. */
export function showEditors() {
  const names = edited && editor.open ? editorsOf(edited.id) : [];
  $(".editing", editor).textContent = names.length ? `${peopleAre(names)} editing this, too.` : "";
}

/** The texts of the fields for a task. */
const textsOf = (task) => ({
  title: task?.title ?? "",
  owner: task?.owner ?? "",
  due: task?.due ?? "",
  tags: task?.tags.join(", ") ?? "",
  status: task?.status ?? "todo",
});

/** The value that the text of a field stands for. */
const valueFor = (name, text) => {
  if (name === "due") return text || null;
  if (name === "tags") return text.split(",").map((tag) => tag.trim()).filter(Boolean);
  return text;
};

function fill(texts) {
  for (const [name, text] of Object.entries(texts)) fields[name].value = text;
}

/** Tells the dialog that the task of an id, or any, may have changed. */
export function follow(id) {
  if (!editor.open || !edited || (id !== undefined && id !== edited.id)) return;
  const task = tasks.get(edited.id);
  if (task && task.version > edited.version) rebase(task);
}

/** Makes what is written in the dialog a change of a newer version of its task. */
function rebase(task) {
  const before = textsOf(edited);
  const now = textsOf(task);
  const both = [];
  for (const name of Object.keys(now)) {
    if (fields[name].value === before[name]) fields[name].value = now[name];
    else if (now[name] !== before[name] && now[name] !== fields[name].value) both.push(name);
  }
  const filesChanged = task.files !== edited.files;
  edited = task;
  if (both.length) wrong(both.map((name) => ({ pointer: `#/${name}`, detail: `somebody else has just written “${now[name]}”` })));
  if (filesChanged) loadFiles();
}

form.onsubmit = (e) => {
  e.preventDefault();
  const before = textsOf(edited);
  const texts = Object.fromEntries(Object.keys(before).map((name) => [name, fields[name].value]));
  const body = {};
  for (const name of Object.keys(before)) {
    if (!edited || texts[name] !== before[name]) body[name] = valueFor(name, texts[name]);
  }
  if (!texts.title.trim()) return wrong([{ pointer: "#/title", detail: "must not be empty" }]);
  if (!edited && waiting.length) return saveWithFiles(body);
  const task = edited;
  editor.close();
  if (!task) tasks.add(body).catch((err) => back(null, texts, err));
  else if (Object.keys(body).length) tasks.update(task, body).catch((err) => back(task, texts, err));
};

/** Makes a task, and sends what waits for it. */
async function saveWithFiles(body) {
  try {
    const task = await api("POST", "/api/tasks", { body });
    tasks.heard(task);
    const files = waiting;
    edit(task, "files");
    attach(files);
  } catch (err) {
    refused(err);
  }
}

/** Opens the dialog again with what was written, since the server has refused it. */
async function back(task, texts, err) {
  if (editor.open) return notice(`“${texts.title}” was not saved: ${err.message}`);
  edit(task);
  fill(texts);
  refused(err);
  if (err.status !== 412) return;
  try {
    const now = await api("GET", `/api/tasks/${task.id}`); // which the filter may hide
    if (editor.open && edited?.id === task.id) rebase(now);
  } catch (err) {
    refused(err);
  }
}

function refused(err) {
  wrong(err.errors?.length ? err.errors : [{ pointer: "", detail: err.message }]);
}

/** Shows each problem of a 422 beside its field: "#/tags/1" belongs to tags. */
function wrong(errors) {
  for (const line of editor.querySelectorAll(".wrong")) {
    const mine = errors.filter(({ pointer }) => (pointer.split("/")[1] ?? "") === line.dataset.field);
    line.textContent = mine.map(({ detail }) => detail).join("; ");
    fields[line.dataset.field]?.setAttribute("aria-invalid", mine.length > 0);
  }
}

$("button[value=cancel]", editor).onclick = () => editor.close();
editor.onclose = () => {
  showOthers({ editing: undefined });
  for (const upload of uploads) upload.abort();
};

// ---- files

async function loadFiles() {
  const { id } = edited;
  try {
    const { files } = await api("GET", `/api/tasks/${id}/files`);
    if (edited?.id === id) showFiles(files);
  } catch (err) {
    wrong([{ pointer: "#/files", detail: err.message }]);
  }
}

function showFiles(files) {
  $("#files").replaceChildren(...files.map(fileRow));
}

function fileRow(file) {
  const li = $("#file").content.firstElementChild.cloneNode(true);
  $("a", li).textContent = file.name;
  $("a", li).href = file.url;
  $("span", li).textContent = sizeText(file.size);
  $("button", li).ariaLabel = `Remove ${file.name}`;
  $("button", li).onclick = async () => {
    if (!confirm(`Remove “${file.name}”?`)) return;
    try {
      tasks.heard(await api("DELETE", file.url));
    } catch (err) {
      wrong([{ pointer: "#/files", detail: err.message }]);
    }
    loadFiles();
  };
  return li;
}

/** Sends files to the task in the dialog; to a new one when it is saved. */
export async function attach(files) {
  if (!files.length) return;
  if (!edited) {
    waiting.push(...files);
    showWaiting();
    return;
  }
  if (files.reduce((sum, file) => sum + file.size, 0) > maxUpload) {
    return wrong([{ pointer: "#/files", detail: "at most 64 MiB at a time: attach fewer together" }]);
  }
  const { id } = edited;
  const row = $("#upload").content.firstElementChild.cloneNode(true);
  const upload = new AbortController();
  const bar = $("progress", row);
  $("span", row).textContent = files.length === 1 ? files[0].name : `${files.length} files`;
  bar.ariaLabel = `Sending ${$("span", row).textContent}`;
  $("button", row).onclick = () => upload.abort();
  $("#uploads").append(row);
  uploads.add(upload);
  wrong([]);
  try {
    const progress = (sent, total) => (bar.value = total ? sent / total : 0);
    const answer = await sendFiles(id, files, { progress, signal: upload.signal });
    tasks.heard(answer.task);
    $("#files-status").textContent = files.length === 1 ? "1 file attached" : `${files.length} files attached`;
  } catch (err) {
    if (err.name !== "AbortError" && edited?.id === id) wrong([{ pointer: "#/files", detail: err.message }]);
  } finally {
    uploads.delete(upload);
    row.remove();
    if (edited?.id === id && editor.open) loadFiles();
  }
}

/** Lists the files that wait for a new task to be saved. */
function showWaiting() {
  $("#uploads").replaceChildren(...waiting.map((file) => {
    const li = $("#file").content.firstElementChild.cloneNode(true);
    $("a", li).textContent = file.name;
    $("span", li).textContent = `${sizeText(file.size)}, sent when you save`;
    $("button", li).ariaLabel = `Remove ${file.name}`;
    $("button", li).onclick = () => {
      waiting.splice(waiting.indexOf(file), 1);
      showWaiting();
    };
    return li;
  }));
}

$("#pick").onchange = () => {
  attach([...$("#pick").files]);
  $("#pick").value = ""; // the same file can be picked again
};

const zone = $("#drop");
zone.ondragover = (e) => {
  if (!e.dataTransfer.types.includes("Files")) return;
  e.preventDefault();
  e.dataTransfer.dropEffect = "copy";
  zone.classList.add("over");
};
zone.ondragleave = (e) => zone.contains(e.relatedTarget) || zone.classList.remove("over");
zone.ondrop = (e) => {
  zone.classList.remove("over");
  if (!e.dataTransfer.files.length) return;
  e.preventDefault();
  attach([...e.dataTransfer.files]);
};
