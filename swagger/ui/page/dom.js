// Makes elements.

/** Returns an element. Properties are set as such, but for functions, which listen, and what has no property: aria-… and the like. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (typeof value === "function") element.addEventListener(key, value);
    else if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

let count = 0;

/** Returns an id that no other element has. */
const freshId = () => `n${++count}`;

/** Returns a labelled control, with a note behind its label. */
export function field(label, control, { note, required } = {}) {
  control.id ||= freshId();
  const described = note && h("small", { id: `${control.id}-note`, className: "note" }, note);
  if (described) control.setAttribute("aria-describedby", described.id);
  control.required = Boolean(required);
  return h("div", { className: "field" }, h("label", { htmlFor: control.id }, label, required && h("span", { className: "must", title: "required" }, " *")), control, described);
}

export const button = (text, click, properties) => h("button", { type: "button", click, ...properties }, text);
