// Scenarios with the monitor page in a browser. Prints one line for each, JSON with its name
// and, if it failed, why.
//
//	SERVICE  the program      CHROMIUM  the browser
//	TMP_DIR  for everything that is written; it must be empty
//	SHOTS    a directory for screenshots; none without it

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { SERVICE, CHROMIUM, TMP_DIR, SHOTS } = process.env;
const patience = 15_000; // milliseconds; nothing takes that long unless it is broken

// Only these, not playwright's own: they are for the Chromium that it brings.
const flags = [
  "--headless", "--remote-debugging-pipe", "--hide-scrollbars", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--no-first-run",
];

let browser, service, addr, errors, requests;

/** Starts the service, on the address that it had before if there is one. */
async function start(...args) {
  service = spawn(SERVICE, ["-addr", addr ?? "127.0.0.1:0", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(service.stdout, "data");
  service.stdout.resume();
  [, addr] = /http:\/\/([^/]+)\/monitor/.exec(String(line));
}

/** Ends the service at once. */
async function kill() {
  if (service.exitCode !== null || service.signalCode !== null) return;
  const ended = once(service, "exit");
  service.kill("SIGKILL");
  await ended;
}

/** Asks the service to stop, and waits until it has. */
async function stop() {
  const ended = once(service, "exit");
  service.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
}

const get = (path) => fetch(`http://${addr}${path}`);
const stats = async () => (await get("/monitor/stats.json")).json();

/** Opens the page, and keeps what it asks for and complains about. */
async function open({ prepare, ...more } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", ...more });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  page.on("pageerror", (err) => errors.push(err.stack));
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && !/net::ERR_|Failed to load/.test(m.text()) && errors.push(m.text()));
  page.on("dialog", (dialog) => (errors.push(`dialog ${dialog.message()}`), dialog.dismiss()));
  page.on("request", (r) => requests.push(r.url()));
  await prepare?.(page);
  await page.goto(`http://${addr}/monitor`);
  return page;
}

const state = (page, name) => page.locator(`#state[data-state=${name}]`).waitFor();
const row = (page, text) => page.locator("#routes tr", { hasText: text });
const tile = (page, label) => page.locator(".tile", { hasText: label }).locator(".value");
const shot = async (page, name) => SHOTS && (await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true }));

/** Waits until f returns what is true. */
async function becomes(f, what) {
  for (const end = Date.now() + patience; Date.now() < end; await new Promise((r) => setTimeout(r, 50))) {
    if (await f()) return;
  }
  assert.fail(`never: ${what}`);
}

const scenarios = {
  async "what happened before is there at once, and the rest follows"() {
    for (let i = 0; i < 5; i++) await get("/api/quotes/GEIST");
    await becomes(async () => (await stats()).history.lines.some((l) => l.status[1] > 0), "a line of the history");
    const page = await open();
    await state(page, "ready");
    await row(page, "/api/quotes/:symbol").waitFor();
    assert.equal(await page.title(), "Market");
    assert.ok((await page.locator("#traffic polygon").count()) > 0, "the chart is empty");
    await get("/nowhere");
    await get("/nowhere");
    await row(page, "without a route").locator(".some4", { hasText: "2" }).waitFor();
    await row(page, "/api/quotes/:symbol").getByText("5", { exact: true }).first().waitFor();
    const label = await page.locator("#traffic svg").getAttribute("aria-label");
    assert.match(label, /^Requests a second: 2xx /);
    await page.locator("#traffic").hover({ position: { x: 1150, y: 60 } });
    await page.locator("#traffic .tip", { hasText: /ago|now/ }).waitFor();
    assert.deepEqual(requests.filter((url) => !url.startsWith(`http://${addr}/monitor`)), [], "other addresses");
  },

  async "streams and rooms are shown"() {
    const leave = new AbortController();
    const streams = await Promise.all(["news", "news", "oil"].map((room) => fetch(`http://${addr}/rooms/${room}`, { signal: leave.signal })));
    const page = await open();
    await page.locator("#hubs .rooms li", { hasText: "news" }).getByText("2 here").waitFor();
    await page.locator(".tile", { hasText: "Connections" }).getByText("4 streams").waitFor(); // with the page's own
    leave.abort();
    await Promise.allSettled(streams.map((s) => s.body.cancel()));
    await page.locator(".tile", { hasText: "Connections" }).getByText("1 stream", { exact: false }).waitFor();
  },

  async "names are text"() {
    const evil = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    const leave = new AbortController();
    const room = await fetch(`http://${addr}/rooms/${encodeURIComponent(evil.replaceAll("/", "|"))}`, { signal: leave.signal });
    const page = await open({
      async prepare(page) {
        await page.route("**/monitor/events", (route) => route.abort());
        await page.route("**/monitor/stats.json", async (route) => {
          const response = await route.fetch();
          const r = await response.json();
          const latency = { count: 1, p50: 1, p90: 1, p99: 1, p999: 1 };
          r.routes.push({ method: evil, pattern: evil, count: 1, status: [0, 1, 0, 0, 0], latency });
          r.title = r.hubs[0].name = r.build.module = evil;
          await route.fulfill({ response, json: r });
        });
      },
    });
    await page.locator("#routes .pattern", { hasText: evil }).waitFor();
    await page.locator("#hubs h2", { hasText: evil }).waitFor();
    await page.locator("#hubs .rooms li", { hasText: "<script>alert(2)<|script>" }).waitFor();
    await page.locator("h1", { hasText: evil }).waitFor();
    assert.equal(await page.locator("main img, main script").count(), 0);
    leave.abort();
    await room.body.cancel().catch(() => {});
  },

  async "a pause holds the numbers"() {
    const page = await open();
    await state(page, "ready");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator("#pause[aria-pressed=true]").waitFor();
    await get("/api/quotes/LATE");
    const before = await page.locator("#about").innerText();
    const { second } = await stats();
    await becomes(async () => (await stats()).second > second + 2, "seconds pass");
    assert.equal(await page.locator("#about").innerText(), before);
    assert.equal(await row(page, "/api/quotes/:symbol").count(), 0);
    await page.getByRole("button", { name: "Paused" }).click();
    await row(page, "/api/quotes/:symbol").waitFor();
  },

  async "the page survives a restart of the service"() {
    const page = await open();
    await state(page, "ready");
    await stop();
    await state(page, "lost");
    await start();
    await get("/api/old?again");
    await state(page, "ready");
    await row(page, "/api/old").waitFor();
    await becomes(async () => (await tile(page, "Requests").innerText()) !== "–", "a number");
  },

  async "nobody publishes for a page that is closed"() {
    const page = await open();
    await state(page, "ready");
    await becomes(async () => (await stats()).viewers === 1, "one viewer");
    await page.close();
    await becomes(async () => (await stats()).viewers === 0, "no viewer");
  },

  async "it fits a small screen, in both colour schemes"() {
    await kill();
    await start("-load");
    await becomes(async () => (await stats()).history.lines.length > 6, "some seconds of load");
    for (const width of [1280, 400]) {
      for (const colorScheme of ["light", "dark"]) {
        const page = await open({ viewport: { width, height: 900 }, colorScheme });
        await state(page, "ready");
        await row(page, "/api/quotes/:symbol").waitFor();
        await becomes(async () => Number.parseInt(await tile(page, "Requests").innerText(), 10) > 0, "requests");
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${width} px are too few`);
        await shot(page, `${width}-${colorScheme}`);
        await page.context().close();
      }
    }
  },
};

browser = await chromium.launch({
  executablePath: CHROMIUM, ignoreDefaultArgs: true, args: flags, env: { ...process.env, HOME: TMP_DIR, TMPDIR: TMP_DIR },
});
try {
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (process.argv[2] && !name.includes(process.argv[2])) continue;
    errors = [];
    requests = [];
    addr = undefined;
    const result = { name };
    try {
      await start();
      await scenario();
      assert.deepEqual(errors, [], "errors in the console");
    } catch (err) {
      const pages = browser.contexts().flatMap((context) => context.pages());
      for (const [i, page] of pages.entries()) await shot(page, `failed-${i}`);
      result.error = `${err.stack}\n${errors.join("\n")}`;
    } finally {
      for (const context of browser.contexts()) await context.close();
      await kill();
    }
    console.log(JSON.stringify(result));
  }
} finally {
  await browser.close();
}
