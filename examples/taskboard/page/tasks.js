// What the page knows of the tasks: what the server said last, and on top of it what the
// page has changed but the server has not answered yet. The server is the truth. Answers
// and events arrive in any order; a task's version tells which of two is newer.

import { api, allTasks } from "./api.js";

const known = new Map(); // id → task that the filter selects, as the server has it
const latest = new Map(); // id → newest version heard of; Infinity once it is deleted
const ahead = new Map(); // id → fields that a change under way sets; null: a deletion
let arrived = new Set(); // ids heard of since the load under way began
let loading = null; // AbortController of the load under way
let filter = {}; // as the query of GET /api/tasks
let changed = () => {}; // called after every change of what all() returns

/** Has f called whenever tasks have changed, with the id of the one, or nothing for all. */
export const onChange = (f) => (changed = f);

/** Returns the tasks to show, in the order of their ids. */
export function all() {
  return [...known.keys()]
    .filter((id) => ahead.get(id) !== null)
    .sort((a, b) => a - b)
    .map((id) => ({ ...known.get(id), ...ahead.get(id) }));
}

/** Returns a task as the server has it. */
export const get = (id) => known.get(id);

/** Reads the tasks that a filter selects. */
export async function load(wanted = filter) {
  loading?.abort();
  const mine = (loading = new AbortController());
  filter = wanted;
  arrived = new Set();
  const found = await allTasks(new URLSearchParams({ limit: "200", ...filter }), mine.signal);
  const ids = new Set(found.map((task) => task.id));
  for (const [id, task] of known) {
    if (!ids.has(id) && !(arrived.has(id) && selected(task))) known.delete(id);
  }
  for (const task of found) {
    if ((latest.get(task.id) ?? 0) > task.version) continue; // an event was quicker
    latest.set(task.id, task.version);
    known.set(task.id, task);
  }
  changed();
}

/** Reads everything anew: events may be missing, or the server may be another one. */
export function reload() {
  latest.clear();
  return load();
}

/** Takes what the server says of a task: an answer, or an event. */
export function heard(task) {
  if ((latest.get(task.id) ?? 0) >= task.version) return;
  latest.set(task.id, task.version);
  arrived.add(task.id);
  if (selected(task)) known.set(task.id, task);
  else known.delete(task.id);
  changed(task.id);
}

/** Takes that a task is deleted. */
export function heardDeleted(id) {
  latest.set(id, Infinity);
  known.delete(id);
  changed(id);
}

/** Changes fields of a task: on the page at once, and back if the server refuses. */
export async function update(task, fields) {
  ahead.set(task.id, fields);
  changed(task.id);
  try {
    heard(await api("PATCH", `/api/tasks/${task.id}`, { body: fields, version: task.version }));
  } finally {
    if (ahead.get(task.id) === fields) ahead.delete(task.id);
    changed(task.id);
  }
}

/** Deletes a task: from the page at once, and back if the server refuses. */
export async function remove(task) {
  ahead.set(task.id, null);
  changed(task.id);
  try {
    await api("DELETE", `/api/tasks/${task.id}`, { version: task.version });
    heardDeleted(task.id);
  } finally {
    ahead.delete(task.id);
    changed(task.id);
  }
}

const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()); // as SQLite does

/** Reports whether the filter selects a task, as the server decides it. */
function selected(task) {
  const { q, owner, tag, due_before: before } = filter;
  return (
    (!q || lower(task.title).includes(lower(q))) &&
    (!owner || task.owner === owner) &&
    (!tag || task.tags.includes(tag)) &&
    (!before || (task.due !== null && task.due < before))
  );
}
