// Shows what stats.json and the feed beside it tell, a report a second.
"use strict";

const kept = 300; // seconds that the charts show at most
const $ = (id) => document.getElementById(id);
const node = (name, className, ...children) => {
  const e = document.createElement(name);
  if (className) e.className = className;
  e.append(...children); // strings become text
  return e;
};

const small = (n) => (n === 0 ? "0" : n < 10 ? n.toFixed(n % 1 ? 1 : 0) : String(Math.round(n)));
function scaled(n, base, units, gap = " ") {
  let i = 0;
  while (Math.round(n) >= base && i < units.length - 1) (n /= base), i++;
  return (i ? (n < 10 ? n.toFixed(1) : String(Math.round(n))) : small(n)) + (units[i] && gap + units[i]);
}
const amount = (n) => scaled(n, 1000, ["", "k", "M", "G", "T"], "");
const bytes = (n) => scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
const time = (ns) => scaled(ns, 1000, ["ns", "µs", "ms", "s"]);
const whole = (n) => n.toLocaleString("en");
function age(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].map(([size, unit]) => {
    const n = Math.floor(seconds / size);
    seconds -= n * size;
    return [n, unit];
  });
  const first = parts.findIndex(([n]) => n > 0);
  return first < 0 ? "0 s" : parts.slice(first, first + 2).map(([n, unit]) => `${n} ${unit}`).join(" ");
}

const classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const stacked = [1, 2, 0, 3, 4]; // classes from the ground up
const quantiles = [["p50", "p50"], ["p90", "p90"], ["p99", "p99"], ["p999", "p99.9"]];

const charts = {
  traffic: new TimeChart($("traffic"), "Requests a second", { stacked: true, format: amount }),
  latency: new TimeChart($("latency"), "Latency", { log: true, format: time }),
  distribution: new Histogram($("distribution"), "Latency of the last minute", time),
  connections: new TimeChart($("connections"), "Connections", { filled: true, format: amount }),
  memory: new TimeChart($("memory"), "Heap", { filled: true, format: bytes, base: 1024 }),
};

let lines = []; // of the last seconds, without holes
let newest = -1; // the second of the last line
let before = null; // the report before, for rates
let paused = false;

function legend(id, entries) {
  $(id).replaceChildren(...entries.map(([name, color, value]) => node("li", color, node("span", "", name), ...(value === undefined ? [] : [node("b", "", value)]))));
}

const sum = (values) => values.reduce((a, b) => a + b, 0);
const lately = (seconds) => lines.slice(-seconds);

// Tiles are made once, so that only their text changes.
const tiles = Object.fromEntries(
  [["rate", "Requests"], ["flight", "In flight"], ["median", "Median latency"], ["slow", "p99 latency"], ["errors", "Server errors"], ["open", "Connections"]].map(([id, label]) => {
    const tile = { value: node("p", "value", "–"), note: node("p", "note", "\u00a0"), spark: svgElement("svg", { "aria-hidden": "true" }) };
    tile.box = node("div", "tile", node("p", "label", label), tile.value, tile.note, tile.spark);
    $("tiles").append(tile.box);
    return [id, tile];
  }),
);

function setTile(id, value, unit, note, values, color, mood = "") {
  const tile = tiles[id];
  tile.value.replaceChildren(value, ...(unit ? [node("small", "", unit)] : []));
  tile.note.textContent = note || "\u00a0";
  tile.box.className = `tile ${mood}`;
  sparkline(tile.spark, values.length > 1 ? values : [0, 0], color);
}

function setDuration(id, ns, note, values, color) {
  const [value, unit] = ns ? time(ns).split(" ") : ["–", ""];
  setTile(id, value, unit, note, values, color);
}

function showTiles(r) {
  const minute = lately(60), perSecond = minute.map((l) => sum(l.status));
  const requests = sum(perSecond), failed = sum(minute.map((l) => l.status[4]));
  const share = requests ? (failed / requests) * 100 : 0;
  setTile("rate", amount(sum(perSecond.slice(-5)) / Math.max(perSecond.slice(-5).length, 1)), "/s", `${whole(r.requests.total)} in all`, perSecond, "c-main");
  setTile("flight", amount(r.requests.inFlight), "", `most in a minute ${Math.max(0, ...minute.map((l) => l.inFlight))}`, minute.map((l) => l.inFlight), "c-3xx");
  setDuration("median", r.requests.latency.p50, "last minute", minute.map((l) => l.p50), "c-p50");
  setDuration("slow", r.requests.latency.p99, r.requests.latency.p999 ? `p99.9 ${time(r.requests.latency.p999)}` : "last minute", minute.map((l) => l.p99), "c-p99");
  setTile("errors", share === 0 ? "0" : share < 0.1 ? "< 0.1" : share.toFixed(1), "%", `${whole(failed)} in the last minute`, minute.map((l) => l.status[4]), "c-5xx", share >= 1 ? "bad" : failed ? "warn" : "");
  const { open, webSockets, streams } = r.connections;
  setTile("open", amount(open), "", `${amount(webSockets)} WS, ${amount(streams)} ${streams === 1 ? "stream" : "streams"}`, minute.map((l) => l.conns), "c-2xx");
}

function showCharts(r) {
  const values = (f) => lines.map(f);
  const span = Math.max(Math.ceil(lines.length / 60), 1) * 60;
  const chart = (name, series) => lines.length && charts[name].show({ span, series });
  chart("traffic", stacked.map((i) => ({ name: classes[i], class: `c-${classes[i]}`, values: values((l) => l.status[i]) })));
  legend("traffic-legend", stacked.filter((i) => i || r.requests.status[i]).map((i) => [classes[i], `c-${classes[i]}`, whole(r.requests.status[i])]));
  chart("latency", quantiles.map(([key, name]) => ({ name, class: `c-${key}`, values: values((l) => l[key] || null) })));
  legend("latency-legend", quantiles.map(([key, name]) => [name, `c-${key}`]));
  charts.distribution.show({ bars: r.requests.histogram, marks: quantiles.map(([key, name]) => ({ name, class: `c-${key}`, at: r.requests.latency[key] })) });
  $("distribution-note").textContent = `${whole(r.requests.latency.count)} requests`;
  const kinds = [["all", "c-3xx", "conns", "open"], ["WebSockets", "c-p99", "webSockets", "webSockets"], ["streams", "c-4xx", "streams", "streams"]];
  chart("connections", kinds.map(([name, color, key]) => ({ name, class: color, values: values((l) => l[key]) })));
  legend("connections-legend", kinds.map(([name, color, , key]) => [name, color, whole(r.connections[key])]));
  chart("memory", [{ name: "heap", class: "c-main", values: values((l) => l.heap) }]);
  legend("memory-legend", [["in use", "c-main", bytes(r.process.heap)]]);
}

const cell = (text, className) => node("td", `n ${className}`, text);
const counted = (text, n, className) => cell(text, n ? className : `${className} zero`);

function meter(part) {
  const fill = node("i");
  fill.style.width = `${Math.max(part * 100, 1)}%`;
  return node("span", "meter", fill);
}

function showRoutes(r) {
  const keyOf = (x) => `${x.method} ${x.pattern} ${x.rest ?? ""}`;
  const seconds = before ? Math.max(r.uptime - before.uptime, 0.5) : 0;
  const old = new Map(before?.routes.map((x) => [keyOf(x), x.count]));
  const most = Math.max(1, ...r.routes.map((x) => x.count));
  $("routes").replaceChildren(
    ...r.routes.map((x) => {
      const name = x.rest ? "all other routes" : x.pattern || "without a route";
      const rate = seconds && old.has(keyOf(x)) ? (x.count - old.get(keyOf(x))) / seconds : 0;
      const method = x.method ? [node("span", `method ${/^[A-Z]+$/.test(x.method) ? x.method : ""}`, x.method)] : [];
      return node("tr", "",
        node("td", "", node("div", "route", ...method, node("span", x.pattern && !x.rest ? "pattern" : "pattern none", name)), meter(x.count / most)),
        cell(whole(x.count), ""), counted(amount(rate), rate, "more"), counted(amount(x.status[3]), x.status[3], "some4 more"), counted(amount(x.status[4]), x.status[4], "some5"),
        cell(time(x.latency.p50), "more"), cell(time(x.latency.p99), ""));
    }),
  );
  $("routes-note").textContent = r.routesTotal > r.routes.length ? `the busiest ${r.routes.length} of ${r.routesTotal}` : r.routesTotal ? "since the start" : "no requests yet";
}

const facts = (entries) => entries.filter(([, value]) => value !== undefined).flatMap(([name, value]) => [node("div", "", node("dt", "", name), node("dd", "", value))]);

function showHubs(r) {
  const seconds = before ? Math.max(r.uptime - before.uptime, 0.5) : 0;
  $("hubs").replaceChildren(
    ...r.hubs.map((h) => {
      const old = before?.hubs.find((x) => x.name === h.name);
      const rate = (key) => (old && seconds ? `${amount((h[key] - old[key]) / seconds)} /s` : "–");
      const most = Math.max(1, ...h.top.map((room) => room.conns));
      const list = node("dl", "", ...facts([
        ["Connections", whole(h.conns)], ["Users", whole(h.users)], ["Rooms", whole(h.rooms)], ["Published", rate("published")], ["Delivered", rate("delivered")],
        ["Kept", bytes(h.historyBytes)], ["Gaps", whole(h.gaps)], ["Cut off", whole(h.disconnected)],
      ]));
      const rooms = h.top.map((room, i) => node("li", "",
        node("span", room.name ? "pattern" : "none", room.name || `room ${i + 1}`),
        node("span", "", `${whole(room.conns)} here, ${whole(room.kept)} kept`), meter(room.conns / most)));
      return node("section", "card", node("div", "head", node("h2", "", "Hub ", node("small", "", h.name))), list,
        ...(rooms.length ? [node("h3", "", "Largest rooms"), node("ul", "rooms", ...rooms)] : []));
    }),
  );
  $("hubs").querySelectorAll(".card").forEach((card) => card.classList.toggle("wide", r.hubs.length === 1));
}

function showProcess(r) {
  const p = r.process, ran = p.gc > 0;
  $("process").replaceChildren(...facts([
    ["Heap", bytes(p.heap)], ["Heap goal", bytes(p.heapGoal)], ["Runtime", bytes(p.runtime)], ["Resident", p.rss ? bytes(p.rss) : undefined],
    ["Goroutines", whole(p.goroutines)], ["GOMAXPROCS", whole(p.maxProcs)], ["Collections", whole(p.gc)],
    ["GC pause p50", ran ? time(p.gcPause.p50) : "–"], ["GC pause p99", ran ? time(p.gcPause.p99) : "–"], ["GC pause max", ran ? time(p.gcPause.max) : "–"],
  ]));
  const b = r.build;
  $("build").textContent = b ? [b.module, b.version, b.revision?.slice(0, 12), b.modified && "modified", b.go].filter(Boolean).join(" · ") : "";
}

function state(name, text) {
  $("state").dataset.state = name;
  if ($("state").textContent !== text) $("state").textContent = text;
}

function show(r) {
  if (before?.uptime > r.uptime) before = null; // the service was started again
  document.title = $("title").textContent = r.title;
  $("about").textContent = `up ${age(r.uptime)} · ${r.viewers === 1 ? "1 viewer" : `${r.viewers} viewers`}`;
  showTiles(r);
  showCharts(r);
  showRoutes(r);
  showHubs(r);
  showProcess(r);
  before = r;
}

/** Takes a report of the feed; one that leaves a hole has the history fetched anew. */
function take(r) {
  state(r.ready ? "ready" : "draining", r.ready ? "Ready" : "Draining");
  if (r.second === newest) return paused || show(r);
  if (r.second !== newest + 1 || !r.line) return fetchAll();
  lines = [...lines, r.line].slice(-kept);
  newest = r.second;
  if (!paused) show(r);
}

async function fetchAll() {
  try {
    const response = await fetch(document.body.dataset.stats, { cache: "no-store" });
    if (!response.ok) return state("lost", response.status === 403 ? "Not allowed" : "Unreachable");
    const r = await response.json();
    lines = r.history.lines;
    newest = r.second;
    state(r.ready ? "ready" : "draining", r.ready ? "Ready" : "Draining");
    if (!paused) show(r);
  } catch {
    state("lost", "Unreachable");
  }
}

// A page that nobody looks at does not listen. Where the feed is refused, reports are fetched.
let source = null, retry = 0;
function listen() {
  stop();
  if (document.hidden) return;
  fetchAll();
  source = new EventSource(document.body.dataset.events);
  source.addEventListener("report", (e) => take(JSON.parse(e.data)));
  source.addEventListener("gap", fetchAll);
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) retry = setTimeout(listen, 5000);
    else state("lost", "Reconnecting");
  };
}
function stop() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Paused" : "Pause";
  if (!paused) fetchAll();
});
document.addEventListener("visibilitychange", listen);
listen();
