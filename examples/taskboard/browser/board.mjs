// What the page does in a browser. browser_test.go runs it and reads what it prints: one
// line for each scenario, JSON with its name and, if it failed, why.
//
//	TASKBOARD  the program       CHROMIUM  the browser
//	TMP_DIR    for everything that is written; it must be empty
//	SHOTS      a directory for screenshots, if any are wanted

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { access } from "./access.mjs";
import { stage } from "./kit.mjs";
import { Server } from "./server.mjs";
import { tasks } from "./tasks.mjs";
import { together } from "./together.mjs";

const { TASKBOARD, CHROMIUM, TMP_DIR, SHOTS } = process.env;

// Only these, not playwright's own: they are for the Chromium that it brings.
const flags = [
  "--headless", "--remote-debugging-pipe", "--hide-scrollbars", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--no-first-run",
];

const first = new Server(TASKBOARD, join(TMP_DIR, "first.db")); // of which every board is a copy

/** Runs a scenario on an empty board of its own. */
async function run(name, scenario, number) {
  stage.errors = [];
  stage.pages = [];
  stage.server = new Server(TASKBOARD, join(TMP_DIR, `${number}.db`));
  stage.server.copy(first);
  try {
    await stage.server.start();
    await scenario();
    assert.deepEqual(stage.errors, [], "errors in the console");
    return { name };
  } catch (err) {
    for (const [i, page] of SHOTS ? stage.pages.entries() : []) {
      await page.screenshot({ path: join(SHOTS, `failed-${number}-${i}.png`) }).catch(() => {});
    }
    return { name, error: `${err.stack}\n${stage.errors.join("\n")}` };
  } finally {
    for (const context of stage.browser.contexts()) await context.close();
    await stage.server.kill();
  }
}

stage.browser = await chromium.launch({
  executablePath: CHROMIUM, ignoreDefaultArgs: true, args: flags, env: { ...process.env, HOME: TMP_DIR, TMPDIR: TMP_DIR },
});
try {
  stage.cookies = await first.prepare();
  let number = 0;
  for (const [name, scenario] of Object.entries({ ...access, ...tasks, ...together })) {
    if (process.argv[2] && !name.includes(process.argv[2])) continue;
    console.log(JSON.stringify(await run(name, scenario, ++number)));
  }
} finally {
  await stage.browser.close();
}
