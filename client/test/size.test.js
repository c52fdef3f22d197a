// A page loads the client before it can do anything: it stays small.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const most = 6 * 1024; // bytes, compressed
const file = (name) => new URL(name, import.meta.url);
const source = readFileSync(file("../geist.js"), "utf8");
const served = execFileSync("go", ["run", "js.go"], { cwd: file("."), encoding: "utf8" }); // by a server in Go

/** Takes away what is there for people: comments, indents and empty lines. */
function bare(source) {
  return source
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !/^(\/\/|\/\*\*|\*)/.test(line))
    .map((line) => line.replace(/ \/\/ .*$/, ""))
    .join("\n");
}

test("what a page loads is less than 6 KB, compressed", () => {
  const size = execFileSync("gzip", ["-9"], { input: served }).length; // zlib's results differ from Node to Node
  assert.ok(size < most, `${size} bytes, want less than ${most}`);
});

test("what a page does not load is for people alone", async () => {
  assert.equal(bare('// why\n/**\n * what\n */\n\n  a("x//y"); // that\n\tb / c;\n'), 'a("x//y");\nb / c;');
  assert.equal(served, bare(source));
  const [whole, small] = await Promise.all([source, served].map((s) => import(`data:text/javascript,${encodeURIComponent(s)}`)));
  assert.deepEqual(Object.keys(small), Object.keys(whole));
  const without = (f) => bare(f.toString()).replace(/\s/g, "");
  assert.equal(without(small.connect), without(whole.connect));
});
