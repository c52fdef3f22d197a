// What the page knows of the tasks: what the server said last, and on top of it what the
// page has changed but the server has not answered yet. The server is the truth. Answers
// and events arrive in any order; a task's version tells which of two is newer.

import { api, allTasks } from "./api.js";

const known = new Map(); // id → task that the filter selects, as the server has it
const latest = new Map(); // id → newest version heard of; Infinity once it is deleted
const ahead = new Map(); // id → fields that each change under way sets, in order; null: a deletion
const turns = new Map(); // id → the last change under way, which the next waits for
const drafts = new Map(); // negative id → a task that the server has not taken yet
let nextDraft = -1;
let arrived = new Set(); // ids heard of since the load under way began
let loading = null; // AbortController of the load under way
let filter = {}; // as the query of GET /api/tasks
let changed = () => {}; // called after every change of what all() returns

/** Has f called whenever tasks have changed, with the id of the one, or nothing for all. */
export const onChange = (f) => (changed = f);

/** Returns the tasks to show, in the order of their ids, and behind them those under way. */
export function all() {
  const tasks = [...known.keys()]
    .sort((a, b) => a - b)
    .filter((id) => !ahead.get(id)?.includes(null))
    .map((id) => Object.assign({}, known.get(id), ...(ahead.get(id) ?? [])));
  return [...tasks, ...drafts.values()];
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
  if (task.version === 1) drafts.delete(draftOf(task)); // the event may be quicker than the answer
  if (selected(task)) known.set(task.id, task);
  else known.delete(task.id);
  changed(task.id);
}

/** Returns the id of the task under way that looks as one which the server has taken. */
function draftOf(task) {
  return [...drafts.keys()].find((id) => {
    const { title, owner, status } = drafts.get(id);
    return title.trim() === task.title && owner.trim() === task.owner && status === task.status;
  });
}

/** Takes that a task is deleted. */
export function heardDeleted(id) {
  latest.set(id, Infinity);
  known.delete(id);
  changed(id);
}

/** Adds a task: to the page at once, and away again if the server refuses. */
export async function add(draft) {
  const id = nextDraft--;
  drafts.set(id, { ...draft, id, version: 0, files: 0 });
  changed(id);
  try {
    const task = await api("POST", "/api/tasks", { body: draft });
    drafts.delete(id);
    heard(task);
  } finally {
    drafts.delete(id);
    changed(id);
  }
}

/** Changes fields of a task: on the page at once, and back if the server refuses. */
export function update(task, fields) {
  return inTurn(task, fields, async (version) => {
    heard(await api("PATCH", `/api/tasks/${task.id}`, { body: fields, version }));
  });
}

/** Deletes a task: from the page at once, and back if the server refuses. */
export function remove(task) {
  return inTurn(task, null, async (version) => {
    await api("DELETE", `/api/tasks/${task.id}`, { version });
    heardDeleted(task.id);
  });
}

/**
 * Shows what a change sets, and makes it by work(version) once those before it are answered:
 * they make newer versions, of which this page knows.
 */
async function inTurn(task, fields, work) {
  const { id } = task;
  const before = turns.get(id);
  const mine = (before ?? Promise.resolve()).then(
    () => work(before ? (known.get(id)?.version ?? task.version) : task.version),
  );
  const turn = mine.catch(() => {});
  turns.set(id, turn);
  ahead.set(id, [...(ahead.get(id) ?? []), fields]);
  changed(id);
  try {
    await mine;
  } finally {
    if (turns.get(id) === turn) turns.delete(id);
    const rest = ahead.get(id).filter((other) => other !== fields);
    rest.length ? ahead.set(id, rest) : ahead.delete(id);
    changed(id);
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
