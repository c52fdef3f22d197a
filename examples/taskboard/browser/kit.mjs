// What the scenarios share: pages that are open, and how to find things on them.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const { TMP_DIR, SHOTS } = process.env;
const patience = 15_000; // milliseconds; nothing takes that long unless it is broken

/** What there is while a scenario runs: a server, a browser, what its pages complain about. */
export const stage = { server: null, browser: null, cookies: {}, errors: [], pages: [] };

/** Opens what a browser of somebody else has: its own storage, its own connections. Without a name nobody has signed in. */
export async function someone(name, more) {
  const context = await stage.browser.newContext({ acceptDownloads: true, locale: "en-GB", viewport: { width: 1280, height: 800 }, ...more });
  context.setDefaultTimeout(patience);
  if (name) await context.addCookies([{ name: "sid", value: stage.cookies[name], url: "http://127.0.0.1" }]);
  context.on("page", (page) => {
    stage.pages.push(page);
    page.on("pageerror", (err) => stage.errors.push(err.stack));
    page.on("console", (m) => m.type() === "error" && !/Failed to load resource|ERR_|WebSocket/.test(m.text()) && stage.errors.push(m.text()));
    page.on("dialog", (dialog) => dialog.accept());
  });
  return context;
}

/** Opens the board, in a browser of its own unless one is given, and waits until it hears of changes. */
export async function open(query = "", { name = "Ada", base = stage.server.base, context, ...more } = {}) {
  const page = await (context ?? (await someone(name, more))).newPage();
  await page.goto(base + query);
  await live(page);
  return page;
}

export const live = (page) => page.locator("#live[data-state=live]").waitFor();
export const column = (page, status) => page.locator(`section[data-status=${status}]`);
export const card = (page, title) => page.locator("section li", { has: page.getByText(title, { exact: true }) });
export const said = (page, text) => page.locator("#messages li", { has: page.getByText(text, { exact: true }) });
export const seen = (locator) => locator.waitFor();
export const gone = (locator) => locator.waitFor({ state: "detached" });

/** Waits until f returns what is wanted, and fails with the difference if it never does. */
export async function becomes(f, want) {
  let got;
  for (const end = Date.now() + patience; Date.now() < end; await new Promise((r) => setTimeout(r, 50))) {
    got = await f();
    try {
      return assert.deepEqual(got, want);
    } catch {} // not yet
  }
  assert.deepEqual(got, want);
}

/** Returns where the server has each task: { title: status }. The page shows a change before that. */
export async function statuses() {
  const { tasks } = await stage.server.api("GET", "/api/tasks");
  return Object.fromEntries(tasks.map(({ title, status }) => [title, status]));
}

export async function shot(page, name) {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

/** Makes files to upload. */
export function files(contents) {
  const dir = join(TMP_DIR, "files");
  mkdirSync(dir, { recursive: true });
  return Object.entries(contents).map(([name, content]) => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  });
}

export async function create(page, title) {
  await page.getByRole("button", { name: "New task" }).click();
  await page.getByLabel("Title", { exact: true }).fill(title);
  await page.getByRole("button", { name: "Save" }).click();
  await seen(card(page, title));
}

/** Writes a message as its user does. */
export async function say(page, text) {
  await page.getByLabel("Message").fill(text);
  await page.getByLabel("Message").press("Enter");
}
