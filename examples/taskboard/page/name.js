// The name of this page's user. It is kept in the browser, for all its pages; the server
// takes it as it is.

import { keep, kept } from "./kept.js";
import { $ } from "./ui.js";

const longest = 40; // characters, as the server has it
const changed = [];
let name = kept("name") || `Guest ${1000 + Math.floor(Math.random() * 9000)}`;
keep("name", name);

export const myName = () => name;

/** Has f called when the name has changed, here or in another page. */
export const onMyName = (f) => changed.push(f);

function set(text) {
  if (!text || text === name) return;
  name = text;
  for (const f of changed) f();
}

addEventListener("storage", (e) => e.key === "name" && set(e.newValue));

const who = $("#who");
const field = $("input", who);

/** Asks for another name. */
export function askName() {
  field.value = name;
  who.showModal();
  field.select();
}

$("form", who).onsubmit = () => {
  const text = field.value.replace(/\p{Cc}/gu, "").trim();
  if (!text) return;
  set([...text].slice(0, longest).join(""));
  keep("name", name);
};
$("button[value=cancel]", who).onclick = () => who.close();
