// The line on which the server tells of every change, to all open pages at once. It comes
// back by itself, as Server-Sent Events or, with ?live=ws, as a WebSocket. Of the former a
// browser keeps at most six to a server over HTTP/1.1: who needs more pages takes the latter.

const shortest = 500; // milliseconds until the first try again
const longest = 10_000;

/**
 * Keeps a line open. event(message) gets each change; stale() is called when changes may
 * have been missed, so that the tasks must be read anew, and also at first; state(text)
 * gets "connecting", "live" or "waiting".
 */
export function connect({ event, stale, state }) {
  const open = new URLSearchParams(location.search).get("live") === "ws" ? socket : stream;
  let wait = shortest;
  let timer;
  const start = () => {
    clearTimeout(timer);
    timer = undefined;
    state("connecting");
    open({ event, stale, up, down });
  };
  const up = () => {
    wait = shortest;
    state("live");
  };
  const down = () => {
    state("waiting");
    clearTimeout(timer);
    timer = setTimeout(start, wait * (0.5 + Math.random())); // not all pages at the same moment
    wait = Math.min(wait * 2, longest);
  };
  // Somebody who looks again, or is back on the net, does not want to wait.
  const now = () => timer && start();
  addEventListener("online", now);
  document.addEventListener("visibilitychange", () => document.hidden || now());
  start();
}

let seen = ""; // id of the last event, from which a stream goes on

/**
 * Server-Sent Events. Who comes back says which event it has seen last, and the server sends
 * what was missed, or a gap; who has seen none reads all tasks. An EventSource would come
 * back by itself, but not after an answer that is no stream, as that of a server which goes
 * down: so the page does it.
 */
function stream({ event, stale, up, down }) {
  const source = new EventSource(`/api/live${seen && `?lastEventId=${encodeURIComponent(seen)}`}`);
  const got = (e) => {
    seen = e.lastEventId;
    event(JSON.parse(e.data));
  };
  for (const name of ["task.changed", "task.deleted", "tasks.imported"]) source.addEventListener(name, got);
  source.addEventListener("gap", (e) => {
    seen = e.lastEventId;
    stale();
  });
  source.onopen = () => {
    up();
    if (!seen) stale();
  };
  source.onerror = () => {
    source.close();
    down();
  };
}

/** A WebSocket, which cannot say what it has missed: the page reads all tasks anew. */
function socket({ event, stale, up, down }) {
  const ws = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live/ws`);
  ws.onopen = () => {
    up();
    stale();
  };
  ws.onmessage = (e) => event(JSON.parse(e.data));
  ws.onclose = down;
}
