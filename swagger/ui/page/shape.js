// Draws a schema: its members with their types, each to be opened.

import { h } from "./dom.js";

/** Returns an element that shows what a value looks like. */
export function shape(schemas, schema) {
  const s = schemas.resolve(schema);
  return h("div", { className: "shape" },
    h("p", {}, h("code", {}, schemas.words(s)), ...bounds(schemas, s)),
    s.description && h("p", { className: "note" }, s.description),
    inner(schemas, s));
}

function bounds(schemas, s) {
  return schemas.bounds(s).map((text) => h("span", { className: "bound" }, text));
}

const deepest = 8; // lists in lists, without a member between them

/** Returns a list of what is inside, or undefined. */
function inner(schemas, s, depth = 0) {
  if (depth > deepest) return undefined;
  const alternatives = schemas.alternatives(s);
  if (alternatives?.length === 1) return inner(schemas, alternatives[0], depth + 1);
  if (alternatives) return h("ul", {}, alternatives.map((one) => member(schemas, one.title ?? "either", one, false)));
  if (s.properties) {
    return h("ul", {}, Object.entries(s.properties).map(([name, one]) => member(schemas, name, one, s.required?.includes(name))));
  }
  const items = s.items ?? (typeof s.additionalProperties === "object" ? s.additionalProperties : undefined);
  return items && inner(schemas, schemas.resolve(items), depth + 1);
}

/** What is inside of a member is made when it is opened: types may hold themselves. */
function member(schemas, name, schema, required) {
  const s = schemas.resolve(schema);
  const head = [
    h("b", {}, name), required && h("span", { className: "must", title: "required" }, "*"), " ", h("code", {}, schemas.words(s)),
    ...bounds(schemas, s), s.deprecated && h("span", { className: "bound" }, "deprecated"), s.description && h("span", { className: "note" }, s.description),
  ];
  if (!hasInner(schemas, s)) return h("li", {}, head);
  const details = h("details", {}, h("summary", {}, head));
  details.addEventListener("toggle", () => details.append(inner(schemas, s)), { once: true });
  return h("li", {}, details);
}

function hasInner(schemas, s, depth = 0) {
  if (s.properties) return true;
  if (depth > deepest) return false;
  const items = s.items ?? s.additionalProperties;
  return schemas.alternatives(s)?.some((one) => hasInner(schemas, one, depth + 1)) ?? (typeof items === "object" && hasInner(schemas, schemas.resolve(items), depth + 1));
}
