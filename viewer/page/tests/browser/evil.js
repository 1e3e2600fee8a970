// A relay that tampers: it passes everything on between a browser and the real relay, and turns one bit in the pictures. It has no UDP port, so it
// is also what a page meets where UDP is blocked.

import { readFileSync } from "node:fs";
import { createServer, request } from "node:https";
import { join } from "node:path";

import { WebSocket, WebSocketServer } from "ws";

/**
 * Begins to listen before the relay of `site`. `change` is given every message of the relay's, and gives what the browser gets.
 */
export async function between(site, change = (message) => message) {
  // Chain and key in one file, as the relay keeps them.
  const both = readFileSync(join(site.folder, "relay", "pki", "server.pem"));
  const server = createServer({ cert: both, key: both });
  server.on("request", (asked, answer) => {
    const headers = { ...asked.headers, host: site.at };
    const passed = request({ host: "127.0.0.1", port: site.port, path: asked.url, method: asked.method, headers, rejectUnauthorized: false },
      (got) => {
        answer.writeHead(got.statusCode, got.headers);
        got.pipe(answer);
      });
    passed.on("error", () => answer.destroy());
    asked.pipe(passed);
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (browser) => {
    const relay = new WebSocket(`wss://${site.at}/live`, { origin: `https://${site.at}`, rejectUnauthorized: false });
    const early = [];
    browser.on("message", (data) => { if (relay.readyState === WebSocket.OPEN) relay.send(data); else early.push(data); });
    relay.on("open", () => { for (const data of early) relay.send(data); });
    relay.on("message", (data) => {
      const message = change(Buffer.from(data));
      if (message) browser.send(message);
    });
    for (const [one, other] of [[browser, relay], [relay, browser]]) {
      one.on("close", () => other.close());
      one.on("error", () => other.close());
    }
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const { port } = server.address();
  return {
    address: `https://127.0.0.1:${port}/`,
    async stop() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}

const FRAME = 8;

/** Turns one bit of every picture, in the middle of the frame. */
export function flip(message) {
  if (message[0] !== FRAME) return message;
  const changed = Buffer.from(message);
  changed[changed.length >> 1] ^= 1;
  return changed;
}

/** Keeps every tenth frame that opens no group. */
export function lose() {
  let count = 0;
  return (message) => {
    const isKey = message[0] === FRAME && (message[14] & 1) === 1;
    if (message[0] !== FRAME || isKey) return message;
    count += 1;
    return count % 10 === 0 ? null : message;
  };
}
