// Compiled, never run: what a program in TypeScript writes is what geist.d.ts says.

import { connect, GeistError, type Place, type Room, type State } from "../geist.js";

interface Card {
  title: string;
}

const client = connect("/rt", {
  token: async () => "secret", transports: ["ws", "sse"], binary: true, storage: sessionStorage, key: "board", maxPending: 50,
  minDelay: 100, maxDelay: 5000, watchdog: 10_000, random: Math.random, WebSocket, fetch,
});
connect(new URL("https://example.test/rt"), { storage: undefined, token: undefined, WebSocket: null }).close();
connect("/rt", { token: () => undefined, WebSocket: undefined });

const state: State = client.state;
const off: () => void = client.on("state", (to, reason) => console.log(to === state, reason.length));
off();
client.on("message", ({ data, event }) => console.log(data, event.length));
client.on("ask", async (data, event) => ({ data, event }));
client.on("error", (err) => console.log(err instanceof GeistError && err.code, err.message));

const room: Room<Card> = client.join<Card>("board:1", { last: 50, since: ["epoch", 12], presence: true, show: { name: "Ada" } });
room.on("message", (m) => console.log(m.data.title.length, m.id === published.id, m.mine, m.offset));
room.on("joined", ({ recovered, head }) => console.log(recovered, head));
room.on("gap", ({ missed = 0 }) => console.log(missed));
room.on("presence", (members, change, count) => console.log(members.get("c")?.shown, change.joined?.length, count));
room.on("left", (code, text) => console.log(code, text));
room.on("error", ({ code, retry, id }) => console.log(code, retry, id));
const place: Readonly<Place> | undefined = room.position;
if (place) client.join("other", { since: [place[0], place[1]] });
const published = room.publish({ title: "New" }, { event: "added", log: true, echo: false, timeout: 5000 });
published.then(({ epoch, offset }) => console.log(epoch, offset));
room.publish(new Uint8Array(1), { as: "text" });
const sum: Promise<number> = client.call<number>("sum", [1, 2]);
await Promise.all([sum, room.show(null), room.leave()]);
client.reconnect();

// @ts-expect-error there is no such event
client.on("nothing", () => {});
// @ts-expect-error a card has a title
room.publish({});
// @ts-expect-error there is no such transport
connect("/rt", { transports: ["carrier pigeon"] });
