// Shows the OpenAPI document by Swagger UI.

const { root, documents, oauth2, realtime } = document.documentElement.dataset;
const here = location.href.replace(/[?#].*/, "");
const absolute = (path) => new URL(path, here).href;

/** Puts the service that has served this page before all other servers. */
function serveHere(description) {
  const self = absolute(root).replace(/\/$/, "");
  const others = (description.servers ?? []).filter(({ url }) => url !== "/" && absolute(url).replace(/\/$/, "") !== self);
  description.servers = [{ url: self || "/", description: others.length ? "This service" : undefined }, ...others];
}

/** Sends readers of a channel to where they can connect to it, and returns all channels: "get /path". */
function linkChannels(description) {
  const channels = new Set();
  for (const [path, item] of Object.entries(description.paths ?? {})) {
    for (const [method, operation] of Object.entries(item)) {
      const channel = operation?.["x-asyncapi-channel"];
      if (!channel) continue;
      channels.add(`${method} ${path}`);
      if (realtime) operation.description += `\n\n[Connect on the page for real time](${absolute(realtime)}#${channel})`;
    }
  }
  return channels;
}

/** Channels are connected to elsewhere: a request would never be answered, or be refused. */
const channelsAreNotTried = (channels) => () => ({
  statePlugins: {
    spec: {
      wrapSelectors: {
        allowTryItOutFor: (allow) => (state, path, method) => !channels.has(`${method} ${path}`) && allow(state, path, method),
      },
    },
  },
});

async function start() {
  const response = await fetch(absolute(`${documents}/openapi.json`));
  if (!response.ok) throw new Error(`The document is not there: the service says ${response.status}.`);
  const description = await response.json();
  serveHere(description);
  const channels = linkChannels(description);
  window.SwaggerUIBundle({
    spec: description,
    domNode: document.getElementById("ui"),
    deepLinking: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    displayOperationId: false,
    filter: true,
    validatorUrl: null,
    oauth2RedirectUrl: absolute(oauth2),
    plugins: [channelsAreNotTried(channels)],
  });
}

start().catch((err) => {
  const state = document.querySelector(".state");
  state.className = "state bad";
  state.textContent = err.message;
});
