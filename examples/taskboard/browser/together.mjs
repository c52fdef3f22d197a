// Several people on one board: who is there, what they say, and lines that break.

import assert from "node:assert/strict";
import { becomes, card, column, create, gone, live, open, said, say, seen, shot, someone, stage, statuses } from "./kit.mjs";
import { Proxy } from "../../roomserver/browser/proxy.mjs";

/** Returns a wire to the server that can be broken. */
async function wireTo(server) {
  const wire = new Proxy();
  await wire.open(server.addr);
  return wire;
}

const here = (page, name) => page.getByRole("list", { name: "Here now" }).getByRole("img", { name, exact: true });
const texts = (page) => page.locator("#messages li[data-offset] .text").allTextContents();

/** Returns the titles in each column of a page. */
async function columns(page) {
  const all = {};
  for (const status of ["todo", "doing", "done"]) all[status] = (await column(page, status).locator(".title").allTextContents()).sort();
  return all;
}

/**
 * Tells a page whether there is a net. Chromium's own switch (setOffline) ends its network process
 * now and then, and with that the cookies of every context: all are signed out.
 */
const tell = (page, onLine) =>
  page.evaluate((onLine) => {
    Object.defineProperty(navigator, "onLine", { configurable: true, get: () => onLine });
    dispatchEvent(new Event(onLine ? "online" : "offline"));
  }, onLine);

/** Takes a page off the net. What it is told does not end its connections: the wire does. */
async function cutOff(page, wire) {
  await tell(page, false);
  wire.down();
}

async function restore(page, wire) {
  wire.up();
  await tell(page, true);
  await live(page);
}

export const together = {
  async "who is here, and what they do"() {
    const [ada, grace] = [await open(), await open("", { name: "Grace Hopper" })];
    await seen(here(ada, "Grace Hopper"));
    await seen(here(grace, "Ada"));
    await create(ada, "Shared");
    await card(grace, "Shared").getByRole("button", { name: "Shared", exact: true }).click();
    await seen(card(ada, "Shared").getByText("Grace Hopper is editing this"));
    await ada.getByRole("button", { name: "Shared", exact: true }).click();
    await seen(ada.getByText("Grace Hopper is editing this, too."));
    await seen(grace.getByText("Ada is editing this, too."));
    await shot(ada, "editing");
    for (const page of [ada, grace]) await page.keyboard.press("Escape");
    await grace.getByLabel("Message").pressSequentially("Hm");
    await seen(ada.getByText("Grace Hopper is writing…"));
    await gone(card(ada, "Shared").getByText("is editing this"));
    await say(grace, "Hello");
    await seen(said(ada, "Hello").getByText("Grace Hopper"));
    await gone(ada.getByText("is writing…"));
    const linus = await open("", { name: "Linus" });
    await seen(here(ada, "Linus"));
    await grace.context().close();
    await gone(here(ada, "Grace Hopper"));
    await say(linus, "It is me");
    await seen(said(ada, "It is me").getByText("Linus"));
  },

  async "a chat with history, and what is unread"() {
    const ada = await open();
    await say(ada, "First <b>line</b>");
    await seen(said(ada, "First <b>line</b>")); // markup stays text
    await ada.getByLabel("Message").fill("second");
    await ada.keyboard.press("Shift+Enter");
    await ada.keyboard.type("line");
    await ada.keyboard.press("Enter");
    const grace = await open("", { name: "Grace", viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    await becomes(() => texts(grace), ["First <b>line</b>", "second\nline"]);
    const talk = grace.getByRole("button", { name: /^Chat/ });
    assert.equal(await talk.getAttribute("aria-label"), "Chat"); // what was said before is history
    for (const text of ["third", "fourth"]) await say(ada, text);
    await grace.getByRole("button", { name: "Chat, 2 unread" }).waitFor();
    await becomes(() => grace.title(), "(2) Taskboard");
    await grace.reload();
    await grace.getByRole("button", { name: "Chat, 2 unread" }).waitFor();
    await shot(grace, "phone-unread");
    await talk.click();
    await seen(said(grace, "fourth"));
    await becomes(() => grace.title(), "Taskboard");
    await say(grace, "fifth");
    await seen(said(ada, "fifth"));
    await shot(grace, "phone-chat");
    assert.equal(await grace.evaluate(() => document.documentElement.scrollWidth), 360, "the chat is wider than the screen");
    await grace.keyboard.press("Escape");
    await grace.locator("#chat").waitFor({ state: "hidden" });
    assert.equal(await grace.evaluate(() => document.activeElement.id), "talk", "the focus is lost");
  },

  async "a message that is refused is kept, and can be sent again"() {
    const ada = await open();
    await ada.evaluate(() => (document.querySelector("#say textarea").maxLength = 3000));
    await say(ada, "x".repeat(2001));
    await ada.getByText("Not sent: a message has 1 to 2000 characters").waitFor();
    await ada.getByRole("button", { name: "Send again" }).click();
    await ada.getByText("Not sent: a message has 1 to 2000 characters").waitFor();
    assert.equal(await ada.locator("#messages li").count(), 1);
  },

  async "a new task is there at once, and away again if it is refused"() {
    const page = await open();
    let refuse;
    await page.route("**/api/tasks", (route) => {
      if (route.request().method() !== "POST") return route.continue();
      refuse = () => route.fulfill({ status: 503, contentType: "application/problem+json", body: '{"detail":"not now"}' });
    });
    await create(page, "Too early");
    await page.locator("li[aria-busy=true]").waitFor();
    refuse();
    await gone(card(page, "Too early"));
    await page.getByText("not now").waitFor(); // in the dialog, with what was written
    assert.equal(await page.getByLabel("Title", { exact: true }).inputValue(), "Too early");
    await page.unroute("**/api/tasks");
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator("li[aria-busy=true]").waitFor({ state: "detached" });
    await seen(card(page, "Too early"));
    assert.equal(await card(page, "Too early").count(), 1);
  },

  async "offline, messages wait, and are sent once"() {
    const wire = await wireTo(stage.server);
    try {
      const [ada, grace] = [await open("", { base: wire.base }), await open("", { name: "Grace" })];
      await say(ada, "before");
      await seen(said(grace, "before"));
      await becomes(() => ada.locator("#messages .pending").count(), 0); // answered, too
      await cutOff(ada, wire);
      await ada.getByText("Offline", { exact: true }).waitFor();
      await say(ada, "one");
      await say(ada, "two");
      await ada.getByText("Offline: 2 messages wait").waitFor();
      await say(grace, "meanwhile");
      await shot(ada, "offline");
      await restore(ada, wire);
      for (const page of [ada, grace]) await becomes(() => texts(page), ["before", "meanwhile", "one", "two"]);
      await becomes(() => ada.locator("#messages .pending").count(), 0);
    } finally {
      wire.close();
    }
  },

  // A tab is duplicated while it is cut off: both have the message that waits. What duplicates a tab
  // copies its storage, and nothing else.
  async "what waits is sent once by a tab and its duplicate"() {
    const wire = await wireTo(stage.server);
    try {
      const ada = await open("", { base: wire.base });
      await say(ada, "before");
      await seen(said(ada, "before"));
      await becomes(() => ada.locator("#messages .pending").count(), 0); // answered, too
      wire.down();
      await say(ada, "waits");
      await ada.getByText("Reconnecting: 1 message waits").waitFor();
      const copy = await ada.evaluate(() => JSON.stringify(sessionStorage));
      const context = await someone("Ada");
      await context.addInitScript((copy) => location.protocol !== "http:" || sessionStorage.length || Object.assign(sessionStorage, JSON.parse(copy)), copy);
      const twin = await open("", { context });
      await becomes(() => texts(twin), ["before", "waits"]);
      wire.up();
      await live(ada);
      for (const page of [ada, twin]) {
        await say(page, "and");
        await page.locator("#messages .pending").waitFor({ state: "detached" });
      }
      for (const page of [ada, twin]) await becomes(() => texts(page), ["before", "waits", "and", "and"]);
    } finally {
      wire.close();
    }
  },

  async "a browser that keeps nothing does"() {
    const context = await someone("Ada");
    await context.addInitScript(() => {
      for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(window, name, { get() { throw new DOMException("it keeps nothing", "SecurityError"); } });
      }
    });
    const page = await open("", { context });
    await say(page, "and says something");
    await seen(said(page, "and says something").getByText("Ada"));
    await page.getByRole("button", { name: "Close the chat" }).click();
    await page.getByRole("button", { name: "Chat", exact: true }).click();
    await create(page, "Nothing");
  },

  // Three people talk and move tasks while their lines break in every way, and the server, too.
  async "nothing is lost or repeated, whatever breaks"() {
    const { server } = stage;
    const [wire, slow] = [await wireTo(server), await wireTo(server)];
    try {
      for (const title of ["A", "B", "C"]) await server.api("POST", "/api/tasks", { title });
      const people = {
        ada: await open(),
        grace: await open("", { name: "Grace", base: wire.base }),
        linus: await open("?live=sse", { name: "Linus", base: slow.base }),
      };
      const throttle = await people.linus.context().newCDPSession(people.linus);
      await throttle.send("Network.enable");
      await throttle.send("Network.emulateNetworkConditions", { offline: false, latency: 80, downloadThroughput: 50_000, uploadThroughput: 20_000 });
      const all = [];
      const talk = (round, who = Object.keys(people)) =>
        Promise.all(who.map(async (name) => {
          for (let n = 0; n < 2; n++) {
            all.push(`${name} ${round} ${n}`);
            await say(people[name], `${name} ${round} ${n}`);
          }
        }));
      const move = (page, title, to) => page.getByRole("button", { name: `Move ${title} to ${to}` }).press("Enter");

      await talk("in peace");
      await move(people.ada, "A", "Doing");
      wire.down();
      await talk("cut");
      await move(people.linus, "B", "Doing");
      wire.up();
      await live(people.grace);
      await becomes(statuses, { A: "doing", B: "doing", C: "todo" });
      await cutOff(people.linus, slow);
      await talk("offline");
      await restore(people.linus, slow);
      await Promise.all([talk("at the kill"), server.kill()]);
      await server.start();
      await talk("after the kill");
      await Promise.all([people.grace.reload(), talk("at the reload", ["ada", "linus"])]);
      await Promise.all([live(people.grace), live(people.linus), live(people.ada)]);
      await move(people.grace, "C", "Doing");
      await becomes(statuses, { A: "doing", B: "doing", C: "doing" });
      await Promise.all([talk("at the stop"), server.stop()]);
      await server.start();
      await server.api("POST", "/api/tasks", { title: "While away" });
      const [twin] = await Promise.all([people.ada.context().waitForEvent("page"), people.ada.evaluate(() => void window.open(location.href))]);
      people.twin = twin; // with the storage of the other
      await live(twin);
      await talk("at the end");

      await becomes(async () => (await texts(people.ada)).sort(), [...all].sort());
      const order = await texts(people.ada);
      for (const page of Object.values(people)) {
        await becomes(() => texts(page), order);
        await becomes(() => columns(page), { todo: ["While away"], doing: ["A", "B", "C"], done: [] });
        await becomes(() => page.locator("#messages :is(.pending, .failed, .gap)").count(), 0);
      }
      await shot(people.ada, "together");
    } finally {
      wire.close();
      slow.close();
    }
  },
};
