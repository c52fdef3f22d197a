// Small things that all parts of the page use.

import { reload } from "./tasks.js";

export const $ = (selector, root = document) => root.querySelector(selector);

/** Shows a line above the board; "" takes it away. */
export function notice(text) {
  $("#notice").textContent = text;
  $("#notice").hidden = !text;
}

/** Makes a change. If somebody else was quicker, or it fails, the page says so. */
export async function attempt(work) {
  try {
    await work();
    notice("");
  } catch (err) {
    if (err.name === "AbortError") return;
    notice(err.message);
    if (err.status !== 412 && err.status !== 404) return;
    await reload().catch(() => {});
    notice("Somebody else has changed this task; this is how it is now.");
  }
}

/** Returns a size for people. */
export function sizeText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let at = -1;
  for (; bytes >= 1000 && at < units.length - 1; at++) bytes /= 1000;
  return `${bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[at]}`;
}
