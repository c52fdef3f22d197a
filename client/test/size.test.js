// A page loads the client before it can do anything: it stays small.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const most = 6 * 1024; // bytes, compressed
const source = readFileSync(new URL("../geist.js", import.meta.url), "utf8");

/** Takes away what is there for people: comments, indents and empty lines. */
export function bare(source) {
  return source
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !/^(\/\/|\/\*\*|\*)/.test(line))
    .map((line) => line.replace(/ \/\/ .*$/, ""))
    .join("\n");
}

test("the client is less than 6 KB, compressed and without its comments", () => {
  const size = execFileSync("gzip", ["-9"], { input: bare(source) }).length; // zlib's results differ from Node to Node
  assert.ok(size < most, `${size} bytes, want less than ${most}`);
});

test("what is taken away is for people alone", async () => {
  assert.equal(bare('// why\n/**\n * what\n */\n\n  a("x//y"); // that\n\tb / c;\n'), 'a("x//y");\nb / c;');
  const [whole, small] = await Promise.all([source, bare(source)].map((s) => import(`data:text/javascript,${encodeURIComponent(s)}`)));
  assert.deepEqual(Object.keys(small), Object.keys(whole));
  const without = (f) => bare(f.toString()).replace(/\s/g, "");
  assert.equal(without(small.connect), without(whole.connect));
});
