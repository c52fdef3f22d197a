// A wire between a page and the server that can be cut.

import { createServer, connect } from "node:net";
import { once } from "node:events";

export class Proxy {
  #sockets = new Set();
  #listener = createServer((socket) => this.#join(socket));
  #whole = true;

  /** server is what it leads to, on the address that it has then. */
  constructor(server) {
    this.server = server;
  }

  async start() {
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
    this.base = `http://127.0.0.1:${this.#listener.address().port}`;
    return this;
  }

  #join(socket) {
    if (!this.#whole) return socket.destroy();
    const [host, port] = this.server.addr.split(":");
    const far = connect(port, host);
    for (const [from, to] of [[socket, far], [far, socket]]) {
      this.#sockets.add(from);
      from.pipe(to);
      from.on("error", () => {}); // a close follows
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  /** Cuts all connections, in the middle of whatever is on its way, and lets none through. */
  cut() {
    this.#whole = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  restore() {
    this.#whole = true;
  }

  stop() {
    this.cut();
    this.#listener.close();
  }
}
