// The line on which the server tells of every change, to all open pages at once. It comes
// back by itself, as Server-Sent Events or, with ?live=ws, as a WebSocket.

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
 * Server-Sent Events. The browser comes back by itself and says which event it has seen
 * last: the server sends what was missed, or a gap. Before the first event there is nothing
 * to say, and after an answer that is no stream the browser gives up: both are done here.
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
    source.close(); // with one way to come back the page knows how long it waits
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
