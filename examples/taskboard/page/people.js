// Who is here, and what they do. A person is a name; one with several pages is shown once.

import { board } from "./live.js";
import { myName } from "./me.js";
import { $ } from "./ui.js";

const most = 4; // avatars; the rest is a number
const colours = 8;

let people = new Map(); // name → { editing: Set of ids, typing }; of this page's user nothing
let count = 0; // connections, if there are too many to be listed
let changed = () => {};

/** Has f called whenever somebody comes, leaves, or does something else. */
export const onPeople = (f) => (changed = f);

/** Returns the names of those who edit a task. */
export const editorsOf = (id) => [...people].filter(([, does]) => does.editing.has(id)).map(([name]) => name);

/** Returns the names of those who write a message. */
export const typists = () => [...people].filter(([, does]) => does.typing).map(([name]) => name);

/** Makes an element the avatar of somebody. */
export function avatar(element, name) {
  const words = name.split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  element.textContent = letters.map((word) => [...word][0].toUpperCase()).join("");
  element.classList.add("avatar");
  element.dataset.colour = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 7) % colours;
  return element;
}

/** Returns "Ada is", "Ada and Bob are" or "Ada, Bob and 2 others are". */
export function peopleAre(names) {
  if (names.length < 2) return `${names[0]} is`;
  if (names.length === 2) return `${names.join(" and ")} are`;
  if (names.length === 3) return `${names[0]}, ${names[1]} and ${names[2]} are`;
  return `${names[0]}, ${names[1]} and ${names.length - 2} others are`;
}

board.on("presence", (members, _change, all) => {
  const now = new Map();
  for (const { user, shown } of members.values()) {
    if (!user) continue;
    const does = now.get(user) ?? { editing: new Set(), typing: false };
    now.set(user, does);
    if (user === myName) continue;
    if (shown?.editing) does.editing.add(shown.editing);
    if (shown?.typing) does.typing = true;
  }
  people = now;
  count = Math.max(all - members.size, 0);
  show();
  changed();
});

function show() {
  const others = [...people.keys()].filter((name) => name !== myName).sort((a, b) => a.localeCompare(b));
  const rest = Math.max(others.length - most, 0) + count;
  const shown = others.slice(0, most).map((name) => {
    const one = avatar(document.createElement("span"), name);
    one.title = one.ariaLabel = name;
    one.role = "img";
    return one;
  });
  if (rest) {
    const more = document.createElement("span");
    more.className = "avatar rest";
    more.textContent = `+${rest}`;
    more.title = others.slice(most).join(", ");
    shown.push(more);
  }
  $("#people").replaceChildren(...shown.map((one) => {
    const li = document.createElement("li");
    li.append(one);
    return li;
  }));
}

avatar($("#me"), myName);
$("#me").title = $("#me").ariaLabel = `You are ${myName}`;
show();
