// A proxy of TCP between the browser and the server, which makes trouble when it is told to.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Proxy {
  sockets = new Set();
  isDown = false; // takes no connection
  refusesUpgrades = false; // as proxies do that do not know WebSockets
  upgrades = 0; // that were asked for

  /** Listens, for connections to the server at addr, host and port. */
  async open(addr) {
    const [host, port] = addr.split(":");
    this.server = createServer((client) => this.serve(client, () => connect(port, host)));
    await once(this.server.listen(0, "127.0.0.1"), "listening");
    this.base = `http://127.0.0.1:${this.server.address().port}`;
  }

  serve(client, dial) {
    client.on("error", () => {}); // a close follows
    if (this.isDown) return client.destroy();
    this.sockets.add(client);
    client.once("close", () => this.sockets.delete(client));
    client.once("data", (head) => {
      const isUpgrade = /^upgrade: websocket\r$/im.test(head.toString("latin1"));
      if (isUpgrade) this.upgrades++;
      if (isUpgrade && this.refusesUpgrades) {
        return client.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      }
      const server = dial();
      server.on("error", () => client.destroy());
      server.once("close", () => client.destroy());
      client.once("close", () => server.destroy());
      server.write(head);
      client.pipe(server).pipe(client);
    });
  }

  /** Breaks every connection. */
  cut() {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Breaks every connection, and takes no other until up(). */
  down() {
    this.isDown = true;
    this.cut();
  }

  up() {
    this.isDown = false;
  }

  close() {
    this.server.close();
    this.cut();
  }
}
