// Scenarios with the pages of swagger/ui in a browser. Prints one line for each, JSON with its
// name and, if it failed, why.
//
//	SERVICE  the program      CHROMIUM  the browser
//	TMP_DIR  for everything that is written; it must be empty
//	SHOTS    a directory for screenshots; none without it

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { mount } from "./proxy.mjs";

const { SERVICE, CHROMIUM, TMP_DIR, SHOTS } = process.env;
const patience = 15_000; // milliseconds; nothing takes that long unless it is broken

// Only these, not playwright's own: they are for the Chromium that it brings.
const flags = [
  "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--no-first-run",
];

let browser, addr, base, errors, requests;

/** Starts the service and returns its process. */
async function start() {
  const service = spawn(SERVICE, ["-addr", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(service.stdout, "data");
  [, addr] = /http:\/\/([^/]+)\/docs/.exec(String(line));
  base = `http://${addr}`;
  return service;
}

/** Opens a page, and keeps what it and those that it opens ask for and complain about. */
async function open(path, more = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...more });
  context.setDefaultTimeout(patience);
  context.on("page", (page) => {
    page.on("pageerror", (err) => errors.push(err.stack));
    page.on("console", (m) => ["error", "warning"].includes(m.type()) && errors.push(m.text()));
    page.on("websocket", (ws) => requests.push(ws.url()));
  });
  context.on("request", (r) => requests.push(r.url()));
  context.on("response", (r) => r.status() >= 400 && errors.push(`${r.status()} ${r.url()}`));
  const page = await context.newPage();
  await page.goto(path.startsWith("http") ? path : base + path);
  return page;
}

async function shot(page, name, more) {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`), ...more });
}

const operation = (page, id) => page.locator(`.opblock[id$="-${id}"]`);
const entry = (page, kind, text) => page.locator(`.entries li.${kind}`, { hasText: text }).first();

/** Fails with what an operation is answered, unless it has the status. */
async function execute(block, status) {
  await block.getByRole("button", { name: "Execute" }).click();
  const live = block.locator(".live-responses-table .response .response-col_status");
  await live.waitFor();
  assert.equal((await live.innerText()).trim().split(/\s/)[0], String(status));
  return block.locator(".live-responses-table .response-col_description pre").first().innerText();
}

const scenarios = {
  async "every operation is shown"() {
    const page = await open("/docs");
    const described = await (await fetch(`${base}/openapi.json`)).json();
    const ids = Object.values(described.paths).flatMap((item) => Object.values(item).map((o) => o.operationId));
    assert.ok(ids.length >= 7, `${ids}`);
    for (const id of ids) await operation(page, id).waitFor();
    assert.equal(await page.locator(".opblock").count(), ids.length);
    assert.equal(await page.title(), "Shop");
    await shot(page, "docs");
  },

  async "an operation is tried out, with a token"() {
    const page = await open("/docs");
    const list = operation(page, "getItems");
    await list.locator(".opblock-summary-control").click();
    assert.match(await execute(list, 200), /"Lamp"/);
    await page.getByRole("button", { name: "Authorize" }).click();
    await page.locator(".auth-container input").fill("secret");
    await page.locator(".auth-btn-wrapper").getByRole("button", { name: "Apply credentials" }).click();
    await page.locator(".auth-btn-wrapper").getByRole("button", { name: "Close" }).click();
    const create = operation(page, "postItems");
    await create.locator(".opblock-summary-control").click();
    assert.match(await execute(create, 201), /"Chair"/);
    await shot(page, "docs-tried", { fullPage: true });
    await list.getByRole("button", { name: "Execute" }).click();
    await list.locator(".live-responses-table pre", { hasText: '"Chair"' }).first().waitFor();
  },

  async "an operation has an address, and a channel leads to its page"() {
    const page = await open("/docs#/items/getItemsById");
    await operation(page, "getItemsById").locator(".opblock-body").waitFor();
    await page.goto("about:blank");
    await page.goto(`${base}/docs#/talk/getTicks`);
    const ticks = operation(page, "getTicks");
    await ticks.locator(".opblock-body").waitFor();
    assert.equal(await ticks.getByRole("button", { name: "Execute" }).count(), 0, "a stream is not tried out");
    await ticks.getByRole("link", { name: "Connect on the page for real time" }).click();
    const to = page.context().pages().at(-1) === page ? await page.context().waitForEvent("page") : page.context().pages().at(-1);
    await to.getByRole("heading", { name: "The clock" }).waitFor();
  },

  async "a WebSocket is connected to, a message sent and seen"() {
    const page = await open("/docs/realtime");
    await page.locator("#channels .name").nth(2).waitFor();
    assert.deepEqual(await page.locator("#channels .name").allInnerTexts(), ["Talk at a counter", "The clock", "Rooms of the shop"]);
    await page.getByLabel("as (query)").fill("Ada");
    await page.getByRole("button", { name: "Connect" }).click();
    await entry(page, "note", "connected").waitFor();
    const message = page.getByRole("textbox", { name: "Message" });
    assert.deepEqual(JSON.parse(await message.inputValue()), { text: "Hello" });
    await page.getByRole("button", { name: "Send" }).click();
    const heard = entry(page, "in", '"from": "Ada"');
    await heard.waitFor();
    assert.match(await heard.innerText(), /Heard/);
    await message.fill('{"text": 7, "more": true}');
    await page.getByText("/text must be string").waitFor();
    await page.getByRole("button", { name: "Send" }).click();
    await entry(page, "in", "the shop").waitFor();
    await shot(page, "socket");
    await page.getByRole("button", { name: "Disconnect" }).click();
    await entry(page, "note", "closed with 1000").waitFor();
    assert.equal(await page.locator(".entries .problems").count(), 0);
  },

  async "a stream of events is watched, paused, cleared and copied"() {
    const page = await open("/docs/realtime#getTicks");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByLabel("every (query)").fill("50");
    await page.getByRole("button", { name: "Connect" }).click();
    await entry(page, "in", '"number": 3').waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    const shown = await page.locator(".entries li").count();
    await page.getByRole("button", { name: /Resume \(\d{1,} new\)/ }).waitFor();
    await page.waitForFunction(() => /[1-9]/.test(document.querySelector("[aria-pressed]").textContent));
    assert.equal(await page.locator(".entries li").count(), shown);
    await page.getByRole("button", { name: "Copy" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const copied = (await page.evaluate(() => navigator.clipboard.readText())).split("\n").map((line) => JSON.parse(line));
    assert.equal(copied.length, shown);
    assert.equal(copied[1].name, "tick");
    await page.getByRole("button", { name: /Resume/ }).click();
    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.getByText("not connected").waitFor();
    await shot(page, "events");
    await page.getByRole("button", { name: "Clear" }).click();
    assert.equal(await page.locator(".entries li").count(), 0);
  },

  async "a stream that is refused says why"() {
    const page = await open("/docs/realtime#getTicks");
    await page.getByLabel("every (query)").fill("1");
    await page.getByRole("button", { name: "Connect" }).click();
    await entry(page, "bad", "every must be from 50 to 60000").waitFor();
    errors = errors.filter((text) => !text.includes("422")); // the browser, of the answer
  },

  async "rooms are joined and published to"() {
    const pages = [await open("/docs/realtime#getRt"), await open("/docs/realtime#getRt")];
    for (const page of pages) {
      await page.getByRole("button", { name: "Connect" }).click();
      await entry(page, "note", "connected").waitFor();
      await page.getByLabel("See its members").check();
      await page.getByRole("button", { name: "Join" }).click();
      await entry(page, "note", "lobby: joined").waitFor();
    }
    const [page, other] = pages;
    await page.getByText("2 members").waitFor();
    await page.getByLabel("Event", { exact: true }).fill("greeting");
    await page.getByRole("button", { name: "Publish" }).click();
    for (const one of pages) await entry(one, "in", "lobby greeting").waitFor();
    await shot(page, "rooms");
    await other.getByRole("button", { name: "Leave lobby" }).click();
    await page.getByText("1 member", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Disconnect" }).click();
    await entry(page, "note", "closed").waitFor();
  },

  async "everything works behind a proxy that takes away a part of the path"() {
    const proxy = await mount(addr, "/shop/v1");
    try {
      const page = await open(`${proxy.base}/docs`);
      const list = operation(page, "getItems");
      await list.locator(".opblock-summary-control").click();
      assert.match(await execute(list, 200), /"Lamp"/);
      await page.getByRole("link", { name: "Real time" }).click();
      await page.getByRole("button", { name: "Connect" }).click();
      await entry(page, "note", "connected").waitFor();
      await page.getByRole("button", { name: "Send" }).click();
      await entry(page, "in", '"Hello"').waitFor();
      assert.ok(requests.every((url) => url.includes("/shop/v1/")), requests.join("\n"));
    } finally {
      proxy.close();
    }
  },

  async "schemas are checked, and examples fit them"() {
    const page = await open("/docs/realtime");
    const results = await page.evaluate(async () => {
      const { Schemas } = await import(new URL("schema.js", document.querySelector("script[src]").src));
      const { shape } = await import(new URL("shape.js", document.querySelector("script[src]").src));
      const node = { type: "object", properties: { name: { type: "string", minLength: 2 }, next: { anyOf: [{ $ref: "#/s/Node" }, { type: "null" }] } }, required: ["name"] };
      const schemas = new Schemas({ s: { Node: node, Tree: { type: "array", items: { $ref: "#/s/Tree" } }, Same: { anyOf: [{ $ref: "#/s/Same" }] } } });
      const wrong = (schema, value) => [JSON.stringify(value), schemas.check(schema, value).length > 0];
      const object = { type: "object", properties: { "a/b": { type: "integer", minimum: 1 } }, required: ["a/b"], additionalProperties: false };
      const cases = {
        right: [
          wrong({ $ref: "#/s/Node" }, { name: "ab", next: { name: "cd", next: null } }), wrong(object, { "a/b": 1 }), wrong({ type: ["string", "null"] }, null),
          wrong({ allOf: [{ $ref: "#/s/Node" }], description: "x" }, { name: "ab" }), wrong({ type: "string", maxLength: 1 }, "😀"), wrong(true, 1), wrong({}, []),
        ],
        wrong: [
          wrong({ $ref: "#/s/Node" }, { name: "a" }), wrong({ $ref: "#/s/Node" }, { name: "ab", next: { name: 1 } }), wrong(object, { "a/b": 0 }), wrong(object, {}), wrong(object, { "a/b": 1, c: 1 }),
          wrong({ type: "integer" }, 1.5), wrong({ enum: ["a"] }, "b"), wrong({ const: 1 }, 2), wrong({ type: "array", maxItems: 1 }, [1, 2]), wrong({ type: "array", uniqueItems: true }, [1, 1]),
          wrong({ type: "array", items: { type: "string" } }, [1]), wrong({ type: "object", additionalProperties: { type: "number" } }, { a: "b" }), wrong({ not: { const: 0 } }, 0), wrong(false, 1),
          wrong({ type: "string", pattern: "^a+$" }, "b"), wrong({ type: "number", exclusiveMaximum: 1 }, 1), wrong({ oneOf: [{ type: "string" }, { type: "null" }] }, 1), wrong({ allOf: [{ $ref: "#/s/Node" }] }, {}),
        ],
      };
      const samples = [
        { $ref: "#/s/Node" }, { $ref: "#/s/Tree" }, object, { type: "string", minLength: 9, maxLength: 9 }, { type: "integer", exclusiveMinimum: 3 }, { type: "number", maximum: -2 },
        { type: "integer", not: { const: 0 } }, { type: "boolean", not: { const: true } }, { oneOf: [{ type: "null" }, { enum: ["x"] }] }, { type: "array", items: { type: "integer" }, minItems: 2 },
        { type: "object", additionalProperties: { type: "integer" } },
      ];
      cases.right.push(...samples.map((schema) => wrong(schema, schemas.example(schema))));
      const drawn = [...samples, { $ref: "#/s/Same" }].map((schema) => shape(schemas, schema));
      schemas.example({ $ref: "#/s/Same" });
      for (const element of drawn) for (const details of element.querySelectorAll("details")) details.open = true;
      return cases;
    });
    for (const [verdict, cases] of Object.entries(results)) for (const [value, bad] of cases) assert.equal(bad ? "wrong" : "right", verdict, value);
  },

  async "what an authorization server answers reaches the page that waits"() {
    const page = await open("/docs");
    const answer = (flow, query) => page.evaluate(([flow, query]) => new Promise((resolve) => {
      const auth = { name: "o", schema: new Map([["flow", flow]]), state: "s" };
      window.swaggerUIRedirectOauth2 = {
        auth, state: "s", redirectUrl: "r",
        callback: ({ auth, token, redirectUrl }) => resolve([auth.code ?? token.access_token, redirectUrl]), errCb: ({ message }) => resolve(message),
      };
      open(`docs/oauth2-redirect${query}`);
    }), [flow, query]);
    assert.deepEqual(await answer("authorizationCode", "?code=c&state=s"), ["c", "r"]);
    assert.deepEqual(await answer("implicit", "#access_token=t&state=s"), ["t", "r"]);
    assert.match(await answer("authorizationCode", "?code=c&state=other"), /state differs/);
    assert.match(await answer("authorizationCode", "?error=denied&state=s"), /denied/);
  },

  async "a telephone and the dark"() {
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };
    for (const [name, path, colorScheme] of [["docs", "/docs", "dark"], ["realtime", "/docs/realtime", "light"]]) {
      const page = await open(path, { ...phone, colorScheme });
      await page.locator(name === "docs" ? ".opblock" : "article h2").first().waitFor();
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${name} is ${over} px too wide`);
      await shot(page, `phone-${name}`);
    }
    const page = await open("/docs", { colorScheme: "dark" });
    await operation(page, "postItems").locator(".opblock-summary-control").click();
    await operation(page, "postItems").getByRole("button", { name: "Execute" }).waitFor();
    await shot(page, "docs-dark");
    await page.getByRole("button", { name: "Authorize" }).click();
    await page.locator(".auth-container input").fill("secret");
    await shot(page, "docs-dark-dialog");
    const realtime = await open("/docs/realtime", { colorScheme: "dark" });
    await realtime.getByRole("button", { name: "Connect" }).click();
    await entry(realtime, "note", "connected").waitFor();
    await realtime.getByRole("button", { name: "Send" }).click();
    await entry(realtime, "in", "Hello").waitFor();
    await shot(realtime, "realtime-dark");
  },
};

/** Runs a scenario with a service of its own, in which nothing leaves the host. */
async function run(name, scenario) {
  errors = [];
  requests = [];
  const service = await start();
  try {
    await scenario();
    const foreign = requests.filter((url) => !["data:", "blob:", "about:"].includes(new URL(url).protocol) && new URL(url).hostname !== "127.0.0.1");
    assert.deepEqual(foreign, [], "requests to other hosts");
    assert.deepEqual(errors, [], "errors in the console");
    assert.ok(requests.length > 0);
    return { name };
  } catch (err) {
    const pages = browser.contexts().flatMap((context) => context.pages());
    for (const [i, page] of pages.entries()) await shot(page, `failed-${i}`);
    return { name, error: [err.stack, ...errors].join("\n") };
  } finally {
    for (const context of browser.contexts()) await context.close();
    service.kill("SIGKILL");
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
