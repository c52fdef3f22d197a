// What the browser keeps for this page. A user may have it keep nothing, or it may be full:
// then the page remembers by itself, for as long as it is open.

const own = new Map(); // what the browser did not take

/** Returns what was kept under a key, in all pages of this browser, or null. */
export function kept(key) {
  try {
    return own.get(key) ?? localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps a text. */
export function keep(key, text) {
  try {
    localStorage.setItem(key, text);
    own.delete(key);
  } catch {
    own.set(key, text);
  }
}

/** Returns what outlives a reload of this page, undefined if nothing does. */
export function keptByTab() {
  try {
    return sessionStorage;
  } catch {}
}
