// The questions that may be asked, and by whom. In Chromium the real worker is asked too.

import { Service } from "../../../assets/seal/protocol.js";
import { same } from "./assert.js";

/** Asks over a port, one question at a time. @param {MessagePort} port */
function asker(port) {
  port.start();
  return (/** @type {any} */ request, /** @type {Transferable[]} */ handedOver = []) =>
    new Promise((resolve) => {
      port.onmessage = (event) => resolve(event.data);
      port.postMessage(request, handedOver);
    });
}

/** @type {Record<string, () => Promise<void>>} */
export default {
  "a watcher's port opens layers and does nothing else": async () => {
    const [page, watcher] = [new MessageChannel(), new MessageChannel()];
    const service = new Service();
    service.serve(page.port1);
    page.port1.start();
    const [ask, watch] = [asker(page.port2), asker(watcher.port2)];
    try {
      await ask({ id: 1, ask: "connect", port: watcher.port1 }, [watcher.port1]);
      const empty = { unlocked: false, unlockKeys: 0, contentKeys: 0, groups: 0 };
      same(
        [await watch({ id: 1, ask: "state" }), await ask({ id: 2, ask: "state" })],
        [
          { id: 1, done: empty },
          { id: 2, done: empty },
        ],
        "control",
      );
      for (const name of ["recovery", "create", "touch", "forget", "strength", "unlock", "connect", "expire", "constructor", undefined]) {
        same(/** @type {any} */ (await watch({ id: 2, ask: name })).refused?.reason, "not-allowed", String(name));
      }
      same(/** @type {any} */ (await watch(null)).refused?.reason, "not-allowed", "nothing at all");
    } finally {
      page.port2.close();
      watcher.port2.close();
    }
  },

  "a page may open so many ports and no more": async () => {
    const page = new MessageChannel();
    new Service().serve(page.port1);
    page.port1.start();
    const ask = asker(page.port2);
    const ports = Array.from({ length: 32 }, () => new MessageChannel());
    try {
      const answers = [];
      for (const { port1 } of ports) answers.push(await ask({ id: 1, ask: "connect", port: port1 }, [port1]));
      same(
        answers.map((answer) => answer.refused?.reason ?? null),
        [...Array(31).fill(null), "busy"],
      );
    } finally {
      page.port2.close();
      for (const { port2 } of ports) port2.close();
    }
  },
};
