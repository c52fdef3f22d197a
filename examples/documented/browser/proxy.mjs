// A proxy that takes a part of the path away, as they do where several services share a host.

import { createServer, request } from "node:http";
import { once } from "node:events";

/** Serves what is at addr below a path, and returns { base, close }. */
export async function mount(addr, path) {
  const [host, port] = addr.split(":");
  const sockets = new Set();
  const keep = (socket) => sockets.add(socket.on("error", () => {}));
  const pass = (req, answered) => request({ host, port, method: req.method, headers: req.headers, path: req.url.slice(path.length) }, answered);
  const server = createServer((req, res) => {
    if (!req.url.startsWith(`${path}/`)) return res.writeHead(404).end();
    req.pipe(pass(req, (answer) => answer.pipe(res.writeHead(answer.statusCode, answer.headers))).on("error", () => res.destroy()));
  });
  server.on("connection", keep);
  server.on("upgrade", (req, client) => {
    pass(req, (answer) => client.end(`HTTP/1.1 ${answer.statusCode} Refused\r\nConnection: close\r\n\r\n`))
      .on("upgrade", (answer, service, head) => {
        keep(service);
        client.write(["HTTP/1.1 101 Switching Protocols", ...Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n"));
        client.write(head);
        service.pipe(client).pipe(service);
      })
      .on("error", () => client.destroy())
      .end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { base: `http://127.0.0.1:${server.address().port}${path}`, close };
}
