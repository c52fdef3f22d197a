// Reads what the service says of its channels: AsyncAPI tells of their messages, OpenAPI of
// the request that opens them.

import { Schemas } from "./schema.js";

/** Loads both documents from a directory. */
export async function load(directory) {
  const [asyncapi, openapi] = await Promise.all(["asyncapi.json", "openapi.json"].map((name) => get(new URL(name, directory))));
  const requests = requestsOf(openapi);
  const channels = Object.entries(asyncapi.channels ?? {}).map(([id, channel]) => ({
    id,
    title: channel.title ?? id,
    description: channel.description ?? "",
    address: channel.address,
    kind: channel["x-geist-protocol"] ? "rooms" : channel.bindings?.ws ? "socket" : "events",
    tags: (channel.tags ?? []).map((tag) => deref(asyncapi, tag).name),
    ...(requests.get(id) ?? { parameters: parametersOf(channel), security: [] }),
    ...messagesOf(asyncapi, id),
  }));
  return { channels, schemas: new Schemas(asyncapi), requestSchemas: new Schemas(openapi) };
}

async function get(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} is not there: the service says ${response.status}.`);
  return response.json();
}

function deref(document, object) {
  let target = object;
  for (let depth = 0; target?.$ref && depth < 5; depth++) {
    target = target.$ref.slice(2).split("/").reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], document);
  }
  return target ?? {};
}

/** Returns the parameters and the security of each operation that opens a channel, by its id. */
function requestsOf(openapi) {
  const requests = new Map();
  for (const item of Object.values(openapi.paths ?? {})) {
    for (const operation of Object.values(item)) {
      const channel = operation?.["x-asyncapi-channel"];
      if (!channel) continue;
      const names = Object.keys(operation.security?.[0] ?? {});
      requests.set(channel, {
        parameters: operation.parameters ?? [],
        security: names.map((name) => ({ id: name, ...openapi.components?.securitySchemes?.[name] })),
        deprecated: operation.deprecated,
      });
    }
  }
  return requests;
}

/** Parameters as AsyncAPI alone knows them, where OpenAPI has no place for the channel. */
function parametersOf(channel) {
  return Object.entries(channel.parameters ?? {}).map(([name, { description, enum: values }]) => ({ name, in: "path", required: true, description, schema: { type: "string", enum: values } }));
}

/** Returns the messages that clients send and those that come. */
function messagesOf(asyncapi, id) {
  const both = { receives: [], emits: [] };
  for (const operation of Object.values(asyncapi.operations ?? {})) {
    if (operation.channel?.$ref !== `#/channels/${id}`) continue;
    for (const ref of operation.messages ?? []) {
      const message = deref(asyncapi, ref);
      both[operation.action === "receive" ? "receives" : "emits"].push({
        title: message.title ?? message.name,
        event: message.headers?.properties?.event?.const ?? "",
        payload: message.payload,
        known: message.contentType === "application/json",
      });
    }
  }
  return both;
}
