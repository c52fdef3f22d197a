// Who gets in, and what they may do there.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { becomes, card, create, gone, live, open, said, say, seen, shot, someone, stage } from "./kit.mjs";

/** Fills in the form. */
async function signIn(page, name, password = `secret of ${name}`) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Waits for the page on which people sign in. */
const atLogin = (page) => page.waitForURL("**/login");

export const access = {
  async "sign in, after a wrong password, and out"() {
    const page = await (await someone()).newPage();
    await page.goto(stage.server.base);
    await atLogin(page);
    await shot(page, "login");
    await signIn(page, "Grace", "a guess");
    await seen(page.getByText("the name or the password is wrong"));
    assert.equal(await page.getByLabel("Name").inputValue(), "Grace");
    await signIn(page, "Grace");
    await live(page);
    await seen(page.getByText("Welcome, Grace."));
    await create(page, "Signed in");
    await page.getByRole("button", { name: "Sign out" }).click();
    await seen(page.getByText("You have signed out."));
    await page.goto(stage.server.base);
    await atLogin(page);
  },

  async "who signs out in one tab is out in the others at once"() {
    const one = await open("", { name: "Grace" });
    const two = await open("", { context: one.context() });
    const elsewhere = await open("", { name: "Ada" });
    const sse = await open("?live=sse", { context: one.context() });
    await two.getByRole("button", { name: "Sign out" }).click();
    await Promise.all([one, two, sse].map(atLogin));
    await say(elsewhere, "Still here");
    await seen(said(elsewhere, "Still here"));
    await gone(elsewhere.getByRole("list", { name: "Here now" }).getByRole("img", { name: "Grace", exact: true }));
    await becomes(async () => elsewhere.url(), `${stage.server.base}/`);
  },

  async "viewers look on"() {
    const [ada, vera] = [await open(), await open("", { name: "Vera" })];
    await create(ada, "To be seen");
    await seen(card(vera, "To be seen"));
    await say(ada, "Hello, Vera");
    await seen(said(vera, "Hello, Vera"));
    await seen(ada.getByRole("list", { name: "Here now" }).getByRole("img", { name: "Vera", exact: true }));
    for (const name of ["New task", "Send", "Delete To be seen", "Move To be seen to Doing"]) {
      assert.equal(await vera.getByRole("button", { name }).count(), 0, `Vera has a button ${name}`);
    }
    await shot(vera, "viewer");
    const status = await vera.evaluate(async () => (await fetch("/api/tasks/1", { method: "DELETE" })).status);
    assert.equal(status, 403);
    await seen(card(ada, "To be seen"));
  },

  async "the monitor is for admins"() {
    const ada = await open();
    await ada.getByRole("link", { name: "Monitor" }).click();
    await ada.waitForURL("**/monitor");
    await seen(ada.getByRole("heading", { name: "Taskboard" }));
    await shot(ada, "monitor");
    const grace = await open("", { name: "Grace" });
    assert.equal(await grace.getByRole("link", { name: "Monitor" }).count(), 0);
    assert.equal((await grace.goto(`${stage.server.base}/monitor`)).status(), 403);
  },

  // A page of another site sends its visitor's browser here, with all that a form can.
  async "a page of another site does nothing here"() {
    const grace = await open("", { name: "Grace" });
    const { base } = stage.server;
    const html = `<form method="post" action="${base}/logout"></form><script>document.forms[0].submit()</script>`;
    const evil = createServer((_, res) => res.setHeader("Content-Type", "text/html").end(html));
    evil.listen(0, "127.0.0.2");
    await once(evil, "listening");
    try {
      const page = await grace.context().newPage();
      const [answer] = await Promise.all([page.waitForResponse(`${base}/logout`), page.goto(`http://127.0.0.2:${evil.address().port}/`)]);
      assert.equal(answer.status(), 403);
      await grace.reload();
      await live(grace);
    } finally {
      evil.closeAllConnections();
      evil.close();
    }
  },

  async "a session outlives kill -9, and its page goes on"() {
    const page = await (await someone()).newPage();
    await page.goto(stage.server.base);
    await signIn(page, "Linus");
    await live(page);
    await stage.server.kill();
    await stage.server.start();
    await live(page);
    await create(page, "After the kill");
    await page.reload();
    await seen(card(page, "After the kill"));
  },

  async "the documents can be tried out by who has signed in"() {
    const page = await open();
    await page.getByRole("link", { name: "The API" }).click();
    await page.getByRole("button", { name: /^get \/api\/me/i }).first().click();
    await page.getByRole("button", { name: "Execute" }).click();
    await seen(page.locator(".live-responses-table").getByText('"Ada"').first());
  },
};
