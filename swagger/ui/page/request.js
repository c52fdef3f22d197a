// The form of what opens a channel: parameters, credentials, subprotocols.

import { field, h } from "./dom.js";

/** Returns the form of a channel: its element, and read, which returns { url, headers, protocols, token } or throws. */
export function requestForm(channel, schemas, root) {
  const inputs = [];
  const notes = [];
  const add = (place, name, label, control, more = {}) => {
    inputs.push({ place, name, control, ...more });
    return field(label, control, more);
  };
  const rows = channel.parameters.map((p) => parameterRow(channel, p, schemas, add, notes));
  for (const scheme of channel.security) rows.push(securityRow(channel, scheme, add, notes));
  if (channel.kind === "socket") {
    rows.push(add("protocol", "", "Subprotocols", text(), { note: "Names with commas between them; they may carry a token, if the service reads it there." }));
  }
  if (channel.kind === "rooms") rows.push(add("token", "", "Token", text({ type: "password" }), { note: "Sent with hello, if the service asks for one." }));
  const element = h("div", { className: "fields" }, rows.filter(Boolean), notes.map((note) => h("p", { className: "note" }, note)));
  return { element, read: () => build(channel, inputs, root) };
}

const text = (more) => h("input", { type: "text", autocomplete: "off", spellcheck: false, ...more });

function parameterRow(channel, p, schemas, add, notes) {
  const s = schemas.resolve(p.schema);
  if (p.in === "cookie") {
    notes.push(`The cookie ${p.name} is sent if the browser has it.`);
    return undefined;
  }
  if (p.in === "header" && channel.kind !== "events") {
    notes.push(`The header field ${p.name} cannot be sent: browsers open WebSockets without fields of their own.`);
    return undefined;
  }
  if (s.const !== undefined && !p.required) return undefined; // saying it changes nothing
  const known = [s.example, s.examples?.[0], s.default].find((value) => value !== undefined);
  const values = s.enum ?? (s.type === "boolean" ? [true, false] : undefined);
  const control = values
    ? h("select", {}, !p.required && h("option", { value: "" }, "—"), values.map((value) => h("option", { value: String(value), selected: value === known }, String(value))))
    : text({ value: known !== undefined && p.required ? String([known].flat().join(",")) : "", placeholder: known !== undefined ? String(known) : "" });
  const note = [p.description, schemas.words(s), ...schemas.bounds(s)].filter(Boolean).join(" · ");
  return add(p.in, p.name, `${p.name} (${p.in})`, control, { note, required: p.required, many: s.type === "array" && p.explode !== false });
}

/** What credentials a browser can send depends on the way: a WebSocket has no fields. */
function securityRow(channel, scheme, add, notes) {
  const label = `${scheme.id} (${scheme.scheme ?? scheme.type})`;
  const secret = () => text({ type: "password" });
  const more = { note: scheme.description };
  if (scheme.type === "apiKey" && scheme.in === "query") return add("query", scheme.name, label, secret(), more);
  if (scheme.type === "mutualTLS" || (scheme.type === "apiKey" && scheme.in === "cookie")) {
    notes.push(`${scheme.id}: the browser sends what it has, a ${scheme.in === "cookie" ? `cookie ${scheme.name}` : "certificate"}.`);
    return undefined;
  }
  if (channel.kind !== "events") {
    notes.push(`${scheme.id} cannot be sent as a header field: browsers open WebSockets without fields of their own.`);
    return undefined;
  }
  if (scheme.type === "apiKey") return add("header", scheme.name, label, secret(), more);
  const basic = scheme.type === "http" && scheme.scheme?.toLowerCase() === "basic";
  return add("header", "Authorization", label, secret(), { note: basic ? "user:password" : scheme.description, prefix: basic ? "Basic " : "Bearer ", basic });
}

function build(channel, inputs, root) {
  let path = channel.address;
  const query = new URLSearchParams();
  const request = { headers: {}, protocols: [], token: "" };
  for (const { place, name, control, required, many, prefix = "", basic } of inputs) {
    const value = control.value.trim();
    control.setAttribute("aria-invalid", required && value === "");
    if (value === "" && required) {
      control.focus();
      throw new Error(`${name} is required.`);
    }
    if (value === "") continue;
    if (place === "path") path = path.replace(`{${name}}`, () => encodeURIComponent(value));
    if (place === "query") for (const one of many ? value.split(",") : [value]) query.append(name, one.trim());
    if (place === "header") request.headers[name] = prefix + (basic ? btoa(String.fromCharCode(...new TextEncoder().encode(value))) : value);
    if (place === "protocol") request.protocols = value.split(",").map((one) => one.trim()).filter(Boolean);
    if (place === "token") request.token = value;
  }
  const url = new URL(`.${path}`, root);
  url.search = query;
  return { ...request, url };
}
