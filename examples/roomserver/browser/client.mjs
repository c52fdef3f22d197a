// What the JavaScript client does in a browser, against the real server. browser_test.go
// runs it and reads what it prints: one line for each scenario, JSON with its name and, if
// it failed, why.
//
//	ROOMSERVER  the program      CHROMIUM  the browser
//	TMP_DIR     for everything that is written; it must be empty

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Proxy } from "./proxy.mjs";

const { ROOMSERVER, CHROMIUM, TMP_DIR } = process.env;
const files = fileURLToPath(new URL("../../../client", import.meta.url));

// Only these, not playwright's own: they are for the Chromium that it brings.
const flags = [
  "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--no-first-run",
];

let browser, server, proxy, context, errors;

class Server {
  addr = "127.0.0.1:0";

  /** Starts it, again on the address that it had before, and waits until it listens. */
  async start() {
    this.process = spawn(ROOMSERVER, ["-addr", this.addr, "-client", files], { stdio: ["ignore", "pipe", "ignore"] });
    this.ended = once(this.process, "exit");
    const [line] = await once(this.process.stdout, "data");
    this.addr = String(line).split("\n")[0];
  }

  async end(signal) {
    this.process.kill(signal);
    await this.ended;
  }
}

/** Opens a page with a client in the room "talk", which keeps what it hears. */
async function open(options = {}) {
  const page = await context.newPage();
  page.on("pageerror", (err) => errors.push(String(err)));
  await page.goto(`${proxy.base}/geist.js`); // any page of that origin does
  await talk(page, options);
  return page;
}

/** Starts the client in a page that has been loaded. */
async function talk(page, { url = "/rt", stored, ...options } = {}) {
  await page.evaluate(
    async ({ url, stored, options }) => {
      const { connect } = await import("/geist.js");
      const heard = [];
      const states = [];
      const client = connect(url, { minDelay: 50, maxDelay: 500, ...options, storage: stored ? sessionStorage : undefined });
      client.on("state", (state, reason) => states.push(`${state} ${reason}`.trim()));
      const room = client.join("talk");
      room.on("message", ({ data, mine, id }) => heard.push({ data: data instanceof Uint8Array ? [...data] : data, mine, id }));
      let gaps = 0;
      room.on("gap", () => gaps++);
      const published = [];
      const publish = (data, more) => published.push(room.publish(data, more).then(() => "done", (err) => err.code));
      Object.assign(window, { client, room, heard, states, publish, published, gaps: () => gaps });
    },
    { url, stored, options },
  );
}

const isOpen = (page) => page.waitForFunction(() => window.client.state === "open" && window.room.position, null, { polling: 20 });
const heard = (page, count) => page.waitForFunction((n) => window.heard.length >= n, count, { polling: 20 }).then(() => page.evaluate(() => window.heard.map((m) => m.data)));
const outcomes = (page) => page.evaluate(() => Promise.all(window.published));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Lets pages publish while the network is broken again and again, and compares what they hear. */
async function exactlyOnce(pages, trouble, each = 40) {
  for (const page of pages) await isOpen(page);
  const work = pages.map((page, n) =>
    page.evaluate(async ({ n, each }) => {
      for (let i = 0; i < each; i++) {
        window.publish(`${n}:${i}`);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      return Promise.all(window.published);
    }, { n, each }),
  );
  for (let i = 0; i < 8; i++) {
    await pause(120);
    await trouble(i);
  }
  assert.deepEqual((await Promise.all(work)).flat(), Array(pages.length * each).fill("done"));
  const all = await Promise.all(pages.map((page) => heard(page, pages.length * each)));
  for (const one of all) assert.deepEqual(one, all[0], "all hear the same, in the same order");
  assert.equal(all[0].length, pages.length * each);
  assert.equal(new Set(all[0]).size, all[0].length, "once");
  const gaps = await Promise.all(pages.map((page) => page.evaluate(() => window.gaps())));
  assert.deepEqual(gaps, pages.map(() => 0));
}

const scenarios = {
  async "two pages hear everything once, though the connection breaks"() {
    await exactlyOnce([await open(), await open()], () => proxy.cut());
  },

  async "in the compact encoding, too, with bytes"() {
    const page = await context.newPage();
    let compact = 0;
    page.on("websocket", (ws) => ws.on("framesent", ({ payload }) => (compact += typeof payload !== "string")));
    await page.goto(`${proxy.base}/geist.js`);
    await talk(page, { binary: true });
    const other = await open();
    await exactlyOnce([page, other], () => proxy.cut(), 20);
    assert.ok(compact >= 20, `${compact} binary messages`);
    await page.evaluate(() => window.publish(Uint8Array.of(0, 255, 1)));
    await other.evaluate(() => window.publish(Uint8Array.of(2, 0)));
    for (const one of [page, other]) assert.deepEqual(new Set((await heard(one, 42)).slice(40).map(String)), new Set(["0,255,1", "2,0"]));
  },

  async "behind a proxy that knows no WebSockets there are streams"() {
    proxy.refusesUpgrades = true;
    const pages = [await open(), await open()];
    await exactlyOnce(pages, (i) => i % 2 || proxy.cut());
    assert.ok(proxy.upgrades >= 4, "WebSockets come first");
    const tried = proxy.upgrades;
    proxy.cut();
    for (const page of pages) await page.waitForFunction(() => window.states.at(-1) === "open", null, { polling: 20 });
    assert.equal(proxy.upgrades, tried, "they are given up for a while");
  },

  async "a page that is offline sends when it is back, and does not wait for it"() {
    const page = await open({ minDelay: 60_000, maxDelay: 60_000 });
    const other = await open();
    for (const one of [page, other]) await isOpen(one);
    await page.evaluate(() => (Math.random = () => 1));
    proxy.down();
    await context.setOffline(true);
    await page.waitForFunction(() => window.client.state === "waiting", null, { polling: 20 });
    await page.evaluate(() => ["a", "b", "c"].forEach((x) => window.publish(x)));
    proxy.up();
    await context.setOffline(false);
    assert.deepEqual(await heard(other, 3), ["a", "b", "c"]);
    assert.deepEqual(await outcomes(page), ["done", "done", "done"]);
  },

  async "what was not sent before a reload is sent after it, once"() {
    const page = await open({ stored: true });
    const other = await open();
    for (const one of [page, other]) await isOpen(one);
    await page.evaluate(() => window.publish("before"));
    await heard(other, 1);
    await heard(page, 1);
    const author = await page.evaluate(() => window.client.me.author);
    proxy.down();
    await page.evaluate(() => ["while", "away"].forEach((x) => window.publish(x)));
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    proxy.up();
    await page.reload();
    await talk(page, { stored: true });
    assert.deepEqual(await heard(page, 2), ["while", "away"], "what the page had before does not come again");
    assert.deepEqual(await heard(other, 3), ["before", "while", "away"]);
    assert.equal(await page.evaluate(() => window.client.me.author), author);
    assert.ok(await page.evaluate(() => window.heard.every((m) => m.mine)));
  },

  async "a duplicate of a tab takes the session, and they do not fight"() {
    const page = await open({ stored: true });
    await isOpen(page);
    await page.waitForFunction(() => sessionStorage.geist, null, { polling: 20 });
    const items = await page.evaluate(() => JSON.stringify(sessionStorage));
    const copy = await context.newPage();
    await copy.addInitScript((text) => Object.assign(sessionStorage, JSON.parse(text)), items);
    await copy.goto(`${proxy.base}/geist.js`);
    await talk(copy, { stored: true });
    await isOpen(copy);
    await page.waitForFunction(() => window.states.includes("waiting replaced"), null, { polling: 20 });
    await isOpen(page);
    const tried = proxy.upgrades;
    for (const one of [page, copy]) await one.evaluate(() => window.publish("hello"));
    for (const one of [page, copy]) assert.deepEqual(await heard(one, 2), ["hello", "hello"]);
    assert.equal(proxy.upgrades, tried);
    const authors = await Promise.all([page, copy].map((one) => one.evaluate(() => window.client.me.author)));
    assert.notEqual(authors[0], authors[1]);
  },

  async "members see each other, calls are answered, tokens asked for"() {
    const page = await open();
    const other = await open();
    for (const one of [page, other]) {
      await one.evaluate(() => {
        window.place = window.client.join("p:hall", { presence: true, show: "here" });
      });
    }
    await page.waitForFunction(() => window.place.members.size === 2, null, { polling: 20 });
    await other.evaluate(() => window.place.show({ typing: true }));
    await page.waitForFunction(() => [...window.place.members.values()].some((m) => m.shown.typing), null, { polling: 20 });
    await other.close();
    await page.waitForFunction(() => window.place.members.size === 1, null, { polling: 20 });
    assert.ok(await page.evaluate(() => window.place.members.has(window.client.me.conn)));
    assert.deepEqual(await page.evaluate(() => window.client.call("echo", { x: [1] })), { x: [1] });
    assert.equal(await page.evaluate(() => window.client.call("nothing").catch((err) => err.code)), "not_supported");

    const reader = await open({ url: "/rt?policy=readonly" });
    assert.equal(await reader.evaluate(() => window.room.publish(1).catch((err) => err.code)), "denied");
    const user = await reader.evaluate(async () => {
      const { connect } = await import("/geist.js");
      const tokens = ["bad", "good"];
      const client = connect("/rt?policy=token", { token: () => tokens.shift(), minDelay: 10 });
      const errors = [];
      client.on("error", (err) => errors.push(err.code));
      await new Promise((resolve) => client.on("state", (state) => state === "open" && resolve()));
      return [client.me.user, ...errors];
    });
    assert.deepEqual(user, ["ada", "unauthorized"]);
  },

  async "a restart of the server is survived, and what it forgot is told"() {
    const page = await open();
    await isOpen(page);
    await page.evaluate(() => window.publish("before"));
    await heard(page, 1);
    await server.end("SIGTERM");
    await page.waitForFunction(() => window.states.includes("waiting draining"), null, { polling: 20 });
    await page.evaluate(() => window.publish("between"));
    await server.start();
    assert.deepEqual(await heard(page, 2), ["before", "between"]);
    assert.equal(await page.evaluate(() => window.gaps()), 1);
    assert.deepEqual(await outcomes(page), ["done", "done"]);
  },
};

/** Runs a scenario with a server of its own. */
async function run(name, scenario) {
  errors = [];
  server = new Server();
  proxy = new Proxy();
  context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  try {
    await server.start();
    await proxy.open(server.addr);
    await scenario();
    assert.deepEqual(errors, [], "errors in the console");
    return { name };
  } catch (err) {
    const said = await Promise.all(context.pages().map((page) => page.evaluate(() => JSON.stringify([window.states, window.heard.map((m) => m.data)])).catch(String)));
    return { name, error: [err.stack, ...errors, ...said].join("\n") };
  } finally {
    await context.close();
    proxy.close();
    await server.end("SIGKILL");
  }
}

browser = await chromium.launch({
  executablePath: CHROMIUM, ignoreDefaultArgs: true, args: flags, env: { ...process.env, HOME: TMP_DIR, TMPDIR: TMP_DIR },
});
try {
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (!process.argv[2] || name.includes(process.argv[2])) console.log(JSON.stringify(await run(name, scenario)));
  }
} finally {
  await browser.close();
}
