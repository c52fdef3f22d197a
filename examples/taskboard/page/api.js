// Requests to the board's API. An answer that is none of success is thrown as a Problem.

import { signIn } from "./me.js";

/** A request that was answered with a problem document, or not at all. */
export class Problem extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || "The server does not answer.");
    this.status = status;
    this.errors = problem?.errors || [];
  }
}

export async function api(method, path, { body, version, signal } = {}) {
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  if (version) headers["If-Match"] = `"${version}"`;
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  } catch (err) {
    if (err.name === "AbortError") throw err;
    throw new Problem(0);
  }
  if (response.status === 401) signIn();
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => null));
  return response.status === 204 ? null : response.json();
}

/** Reads all pages of the tasks that a query selects. */
export async function allTasks(query, signal) {
  const found = [];
  for (let next = `/api/tasks?${query}`; next;) {
    const page = await api("GET", next, { signal });
    found.push(...page.tasks);
    next = page.next;
  }
  return found;
}

/**
 * Sends files to a task, in one request, and tells progress(sent, total) on the way: fetch
 * cannot. Aborting the signal takes everything back.
 */
export function sendFiles(task, files, { progress, signal }) {
  const form = new FormData();
  for (const file of files) form.append("file", file);
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", `/api/tasks/${task}/files`);
    xhr.responseType = "json";
    xhr.upload.onprogress = (e) => progress(e.loaded, e.total);
    xhr.onload = () => (xhr.status === 201 ? resolve(xhr.response) : reject(new Problem(xhr.status, xhr.response)));
    xhr.onerror = () => reject(new Problem(0));
    xhr.onabort = () => reject(new DOMException("given up", "AbortError"));
    signal.addEventListener("abort", () => xhr.abort());
    xhr.send(form);
  });
}
