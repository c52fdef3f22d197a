// What a schema says: in a few words, as an example, and of a value.

const problemsAtMost = 20;

/** Reads the schemas of a document. */
export class Schemas {
  constructor(document) {
    this.document = document;
  }

  /** Returns the schema that a reference stands for, with what stands around it. */
  resolve(schema) {
    if (schema === true || schema === undefined) return {};
    if (schema === false) return { not: {} };
    let all = schema;
    for (let depth = 0; all.$ref && depth < 10; depth++) {
      let target = this.document;
      for (const key of all.$ref.slice(2).split("/")) target = target?.[decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~")];
      all = { title: all.$ref.split("/").at(-1), ...target };
    }
    if (!all.allOf) return all;
    const { allOf, ...rest } = all;
    return allOf.map((part) => this.resolve(part)).concat(rest).reduce((sum, part) => ({
      ...sum, ...part,
      properties: sum.properties || part.properties ? { ...sum.properties, ...part.properties } : undefined,
      required: [...(sum.required ?? []), ...(part.required ?? [])],
    }), {});
  }

  /** Returns the alternatives of a schema that are not null, resolved. */
  alternatives(schema) {
    const list = schema.oneOf ?? schema.anyOf;
    return list?.map((one) => this.resolve(one)).filter((one) => one.type !== "null");
  }

  /** Returns a value that the schema allows, as far as that is easily found. */
  example(schema, depth = 0) {
    const s = this.resolve(schema);
    for (const known of [s.example, s.examples?.[0], s.default, s.const, s.enum?.[0]]) if (known !== undefined) return known;
    if (depth > 8) return null;
    const [first] = this.alternatives(s) ?? [];
    if (first) return this.example(first, depth + 1);
    switch (typeOf(s)) {
      case "object":
        return this.#exampleObject(s, depth);
      case "array":
        return depth < 4 || s.minItems ? Array.from({ length: Math.max(1, Math.min(s.minItems ?? 1, 5)) }, () => this.example(s.items, depth + 1)) : [];
      case "string":
        return exampleText(s);
      case "integer":
      case "number":
        return exampleNumber(s);
      case "boolean":
        return s.not?.const !== true;
    }
    return null;
  }

  #exampleObject(s, depth) {
    const object = {};
    for (const [name, member] of Object.entries(s.properties ?? {})) {
      const needed = s.required?.includes(name);
      if (this.resolve(member).readOnly || (!needed && depth > 2)) continue;
      object[name] = this.example(member, depth + 1);
    }
    if (!s.properties && s.additionalProperties && depth < 4) object.key = this.example(s.additionalProperties, depth + 1);
    return object;
  }

  /** Returns what is wrong with a value: texts with the JSON Pointer of the place. Not every keyword is looked at. */
  check(schema, value, at = "") {
    const s = this.resolve(schema);
    const problems = [];
    const wrong = (text) => problems.push(`${at || "the value"} ${text}`);
    const types = [s.type ?? []].flat();
    if (types.length && !types.some((type) => isA(value, type))) {
      wrong(`must be ${types.join(" or ")}`);
      return problems;
    }
    if (s.const !== undefined && !same(s.const, value)) wrong(`must be ${JSON.stringify(s.const)}`);
    if (s.enum && !s.enum.some((one) => same(one, value))) wrong(`must be one of ${s.enum.map((one) => JSON.stringify(one)).join(", ")}`);
    if (s.not && this.check(s.not, value).length === 0) wrong("is a value that is not allowed");
    const list = s.oneOf ?? s.anyOf;
    if (list && !list.some((one) => this.check(one, value, at).length === 0)) wrong("fits none of the alternatives");
    if (typeof value === "string") checkText(s, value, wrong);
    if (typeof value === "number") checkNumber(s, value, wrong);
    if (Array.isArray(value)) this.#checkArray(s, value, at, problems, wrong);
    else if (isA(value, "object")) this.#checkObject(s, value, at, problems, wrong);
    return problems.slice(0, problemsAtMost);
  }

  #checkArray(s, value, at, problems, wrong) {
    if (value.length < s.minItems) wrong(`must have at least ${s.minItems} items`);
    if (value.length > s.maxItems) wrong(`must have at most ${s.maxItems} items`);
    if (s.uniqueItems && new Set(value.map((one) => JSON.stringify(one))).size < value.length) wrong("must not have an item twice");
    if (s.items) value.slice(0, 1000).forEach((one, i) => problems.push(...this.check(s.items, one, `${at}/${i}`)));
  }

  #checkObject(s, value, at, problems, wrong) {
    for (const name of s.required ?? []) if (!Object.hasOwn(value, name)) wrong(`lacks ${JSON.stringify(name)}`);
    const count = Object.keys(value).length;
    if (count < s.minProperties) wrong(`must have at least ${s.minProperties} members`);
    if (count > s.maxProperties) wrong(`must have at most ${s.maxProperties} members`);
    for (const [name, member] of Object.entries(value)) {
      const place = `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      if (s.properties && Object.hasOwn(s.properties, name)) problems.push(...this.check(s.properties[name], member, place));
      else if (s.additionalProperties === false) problems.push(`${place} is not known`);
      else if (s.additionalProperties) problems.push(...this.check(s.additionalProperties, member, place));
    }
  }

  /** Returns the type of a schema in a few words: "array of User or null". */
  words(schema, depth = 0) {
    const s = this.resolve(schema);
    if (depth > 3) return s.title ?? "…";
    const types = [s.type ?? []].flat();
    const alternatives = this.alternatives(s);
    if (alternatives) {
      const nullable = (s.oneOf ?? s.anyOf).length > alternatives.length ? ["null"] : [];
      return [...alternatives.map((one) => one.title ?? this.words(one, depth + 1)), ...nullable].join(" or ");
    }
    if (s.const !== undefined) return JSON.stringify(s.const);
    if (s.enum) return s.enum.map((one) => JSON.stringify(one)).join(" or ");
    return types.map((type) => {
      if (type === "array") return `array of ${s.items ? this.words(s.items, depth + 1) : "anything"}`;
      if (type === "object" && s.additionalProperties && !s.properties) return `map of ${this.words(s.additionalProperties, depth + 1)}`;
      if (type === "object") return s.title ?? "object";
      return s.format ? `${type} (${s.format})` : type;
    }).join(" or ") || "anything";
  }

  /** Returns the bounds of a schema in words, each a text. */
  bounds(schema) {
    const s = this.resolve(schema);
    const said = (word, key) => (s[key] === undefined ? [] : [`${word} ${s[key]}`]);
    return [
      ...said("at least", "minimum"), ...said("more than", "exclusiveMinimum"), ...said("at most", "maximum"), ...said("less than", "exclusiveMaximum"),
      ...said("shortest", "minLength"), ...said("longest", "maxLength"), ...said("fewest", "minItems"), ...said("most", "maxItems"),
      ...said("pattern", "pattern"), ...(s.default === undefined ? [] : [`default ${JSON.stringify(s.default)}`]),
    ];
  }
}

function typeOf(s) {
  return [s.type ?? []].flat().find((type) => type !== "null") ?? (s.properties || s.additionalProperties ? "object" : undefined);
}

function isA(value, type) {
  switch (type) {
    case "null": return value === null;
    case "array": return Array.isArray(value);
    case "object": return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer": return Number.isInteger(value);
  }
  return typeof value === type;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function checkText(s, value, wrong) {
  const length = [...value].length;
  if (length < s.minLength) wrong(s.minLength === 1 ? "must not be empty" : `must have at least ${s.minLength} characters`);
  if (length > s.maxLength) wrong(`must have at most ${s.maxLength} characters`);
  if (s.pattern && !matches(s.pattern, value)) wrong(`must match ${s.pattern}`);
}

function matches(pattern, value) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true; // the pattern is none for this language
  }
}

function checkNumber(s, value, wrong) {
  if (value < s.minimum) wrong(`must be at least ${s.minimum}`);
  if (value > s.maximum) wrong(`must be at most ${s.maximum}`);
  if (value <= s.exclusiveMinimum) wrong(`must be more than ${s.exclusiveMinimum}`);
  if (value >= s.exclusiveMaximum) wrong(`must be less than ${s.exclusiveMaximum}`);
}

const texts = {
  "date-time": "2026-01-31T12:00:00Z", date: "2026-01-31", time: "12:00:00Z", email: "ann@example.com", uuid: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
  uri: "https://example.com/", "uri-reference": "/", hostname: "example.com", ipv4: "192.0.2.1", ipv6: "2001:db8::1",
};

function exampleText(s) {
  const text = texts[s.format] ?? (s.contentEncoding === "base64" ? "aGVsbG8=" : "text");
  return text.padEnd(s.minLength ?? 0, "x").slice(0, s.maxLength ?? undefined);
}

function exampleNumber(s) {
  const step = s.type === "integer" || s.type?.includes?.("integer") ? 1 : 0.5;
  if (s.minimum !== undefined) return s.minimum;
  if (s.exclusiveMinimum !== undefined) return s.exclusiveMinimum + step;
  const most = s.maximum ?? (s.exclusiveMaximum === undefined ? 1 : s.exclusiveMaximum - step);
  return s.not?.const === 0 ? Math.min(most, 1) : Math.min(most, 0);
}
