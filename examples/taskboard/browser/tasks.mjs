// One page, or several, and the tasks on the board.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { becomes, card, column, create, files, gone, open, seen, shot, stage, statuses } from "./kit.mjs";
import { key } from "./server.mjs";

export const tasks = {
  async "create, edit, move and delete a task"() {
    const page = await open();
    await page.getByRole("button", { name: "New task" }).click();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("must not be empty").waitFor(); // beside its field, and the dialog stays
    await page.getByLabel("Title", { exact: true }).fill("Water <b>plants</b>");
    await page.getByLabel("Owner", { exact: true }).fill("ada");
    await page.getByLabel("Tags").fill("home, garden");
    await page.keyboard.press("Enter");
    await seen(card(page, "Water <b>plants</b>"));
    await page.getByRole("button", { name: "Water <b>plants</b>", exact: true }).click();
    await page.getByLabel("Title", { exact: true }).fill("Water plants");
    await page.getByRole("button", { name: "Save" }).click();
    await seen(card(page, "Water plants"));
    await page.getByRole("button", { name: "Move Water plants to Doing" }).press("Enter"); // by the keyboard
    await seen(column(page, "doing").getByText("Water plants"));
    assert.equal(await page.evaluate(() => document.activeElement.closest("li")?.innerText.includes("Water plants")), true, "the focus is lost");
    await shot(page, "desktop");
    await page.getByRole("button", { name: "Delete Water plants" }).click();
    await gone(card(page, "Water plants"));
    await becomes(statuses, {});
  },

  async "search"() {
    for (const title of ["Milk", "Bread"]) await stage.server.api("POST", "/api/tasks", { title });
    const page = await open();
    await seen(card(page, "Bread"));
    await page.getByLabel("Search titles").fill("mil");
    await gone(card(page, "Bread"));
    await seen(card(page, "Milk"));
    const task = await stage.server.api("POST", "/api/tasks", { title: "More milk" }); // heard of, and selected
    await seen(card(page, "More milk"));
    await stage.server.api("PATCH", `/api/tasks/${task.id}`, { title: "More tea" }); // no longer
    await gone(card(page, "More tea"));
    await gone(card(page, "More milk"));
    await page.getByLabel("Search titles").fill("");
    await seen(card(page, "More tea"));
  },

  async "attach several files at once and download one"() {
    const page = await open();
    await create(page, "With files");
    await page.getByRole("button", { name: "With files", exact: true }).click();
    await page.locator("#pick").setInputFiles(files({ "note.txt": "hello", "more & more.bin": Buffer.alloc(300_000, 7), "évil.html": "<b>" }));
    await page.getByText("3 files attached").waitFor();
    await seen(page.getByRole("link", { name: "évil.html" }));
    await shot(page, "desktop-files");
    for (const [name, want] of [["note.txt", "hello"], ["évil.html", "<b>"]]) {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name }).click()]);
      assert.equal(download.suggestedFilename(), name);
      assert.equal(readFileSync(await download.path(), "utf8"), want);
    }
    await page.getByRole("button", { name: "Remove note.txt" }).click();
    await gone(page.getByRole("link", { name: "note.txt" }));
    await page.getByRole("button", { name: "Cancel" }).click();
    await seen(card(page, "With files").getByRole("button", { name: "2 files" }));
  },

  async "attach files to a new task, and by dropping them on a card"() {
    const page = await open();
    await page.getByRole("button", { name: "New task" }).click();
    await page.getByLabel("Title", { exact: true }).fill("New with a file");
    await page.locator("#pick").setInputFiles(files({ "first.txt": "1" }));
    await page.getByText("sent when you save").waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("1 file attached").waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    const dropped = await page.evaluateHandle(() => {
      const data = new DataTransfer();
      for (const name of ["a.txt", "b.txt"]) data.items.add(new File([name], name));
      return data;
    });
    const target = card(page, "New with a file");
    await target.dispatchEvent("dragover", { dataTransfer: dropped });
    await target.dispatchEvent("drop", { dataTransfer: dropped });
    await page.getByText("2 files attached").waitFor();
    await seen(page.getByRole("link", { name: "b.txt" }));
    await page.keyboard.press("Escape");
    await seen(target.getByRole("button", { name: "3 files" }));
  },

  async "a file that is too large is refused in words, and can be given up"() {
    const page = await open();
    await create(page, "Large");
    await page.getByRole("button", { name: "Large", exact: true }).click();
    await page.locator("#pick").setInputFiles(files({ "large.bin": Buffer.alloc((16 << 20) + 1) }));
    await page.getByText("a file has at most 16 MiB").waitFor();
    const five = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`${i}.bin`, Buffer.alloc(15 << 20)]));
    await page.locator("#pick").setInputFiles(files(five));
    await page.getByText("at most 64 MiB at a time").waitFor();
    await page.route("**/files", () => {}); // an upload that never ends
    await page.locator("#pick").setInputFiles(files({ "slow.txt": "x" }));
    await page.getByRole("button", { name: "Give up" }).click();
    await gone(page.getByRole("button", { name: "Give up" }));
    assert.deepEqual((await stage.server.api("GET", "/api/tasks")).tasks.map((t) => t.files), [0]);
  },

  async "a change reaches every open page, by either transport"() {
    const pages = [await open(), await open("?live=sse"), await open()];
    await create(pages[0], "Shared");
    for (const page of pages) await seen(card(page, "Shared"));
    await pages[1].getByRole("button", { name: "Move Shared to Doing" }).click();
    for (const page of pages) await seen(column(page, "doing").getByText("Shared"));
    await pages[2].getByRole("button", { name: "Shared", exact: true }).click();
    await pages[2].locator("#pick").setInputFiles(files({ "x.txt": "x" }));
    for (const page of pages.slice(0, 2)) await seen(card(page, "Shared").getByRole("button", { name: "1 file" }));
    const lines = '{"title":"Imported 1"}\n{"title":"Imported 2"}\n';
    const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/x-ndjson" };
    await fetch(`${stage.server.base}/api/tasks/import`, { method: "POST", headers, body: lines });
    for (const page of pages) await card(page, "Imported 2").waitFor({ state: "attached" });
    await pages[1].getByRole("button", { name: "Delete Shared" }).click();
    for (const page of pages) await gone(card(page, "Shared"));
  },

  async "what two write at the same time is not lost"() {
    const task = await stage.server.api("POST", "/api/tasks", { title: "Both", owner: "ada" });
    const page = await open();
    await page.getByRole("button", { name: "Both", exact: true }).click();
    await page.getByLabel("Title", { exact: true }).fill("Mine");
    await stage.server.api("PATCH", `/api/tasks/${task.id}`, { title: "Theirs", owner: "grace" });
    await page.getByText("somebody else has just written “Theirs”").waitFor();
    assert.equal(await page.getByLabel("Owner", { exact: true }).inputValue(), "grace");
    assert.equal(await page.getByLabel("Title", { exact: true }).inputValue(), "Mine");
    await page.getByRole("button", { name: "Save" }).click();
    await seen(card(page, "Mine"));
    const written = async () => {
      const now = await stage.server.api("GET", `/api/tasks/${task.id}`);
      return [now.title, now.owner];
    };
    await becomes(written, ["Mine", "grace"]); // the page shows it before the server has it

    // Nor is what one writes whose task is no longer shown.
    await stage.server.api("POST", "/api/tasks", { title: "Other" });
    await page.getByLabel("Search titles").fill("mine");
    await gone(card(page, "Other"));
    await page.getByRole("button", { name: "Mine", exact: true }).click();
    await stage.server.api("PATCH", `/api/tasks/${task.id}`, { title: "Hidden" });
    await gone(card(page, "Mine"));
    await page.getByLabel("Owner", { exact: true }).fill("linus");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("read it again").waitFor();
    await becomes(() => page.getByLabel("Title", { exact: true }).inputValue(), "Hidden"); // it has been
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator("#editor").waitFor({ state: "hidden" });
    await becomes(written, ["Hidden", "linus"]);
  },

  async "a change that is refused is taken back"() {
    await stage.server.api("POST", "/api/tasks", { title: "Stays" });
    const page = await open();
    let refuse;
    await page.route("**/api/tasks/1", (route) => {
      refuse = () => route.fulfill({ status: 503, contentType: "application/problem+json", body: '{"detail":"not now"}' });
    });
    await page.getByRole("button", { name: "Move Stays to Doing" }).click();
    await seen(column(page, "doing").getByText("Stays")); // at once, though nobody has answered
    refuse();
    await seen(column(page, "todo").getByText("Stays"));
    await page.getByText("not now").waitFor();
  },

  async "a phone"() {
    for (const [title, more] of Object.entries({ "Buy milk": { owner: "ada", due: "2020-01-31", tags: ["home"] }, "Call the bank about the account that nobody uses": {}, "Plan": { status: "doing" } })) {
      await stage.server.api("POST", "/api/tasks", { title, ...more });
    }
    const page = await open("", { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    await seen(card(page, "Buy milk"));
    await shot(page, "phone");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, "the page is wider than the screen");
    await page.locator("nav").getByRole("button", { name: "Doing" }).click();
    await seen(card(page, "Plan"));
    await page.getByRole("button", { name: "Plan", exact: true }).click();
    await page.locator("#pick").setInputFiles(files({ "a rather long name of a file that does not fit on a phone.txt": "x", "b.txt": "y".repeat(5000) }));
    await page.getByText("2 files attached").waitFor();
    await seen(page.getByRole("link", { name: "b.txt" }));
    await shot(page, "phone-files");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, "the dialog is wider than the screen");
  },
};
