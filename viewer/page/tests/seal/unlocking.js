// The real worker, asked as the page asks it.

import { Opener, Unlock } from "../../assets/seal/unlock.js";
import { filled, holds, refused, same } from "./cases/assert.js";
import { frames, known } from "./cases/keyring.js";
import { grantFor, scope } from "./cases/content.js";

/** @typedef {(name: string) => Promise<any[]>} Load */

/** A worker that has opened the vectors' identity file. @param {Load} load */
async function opened(load) {
  const [vector] = await load("identity-files");
  /** @type {string[]} */
  const said = [];
  /** @type {number[]} */
  const parts = [];
  let heard = () => {};
  const forgotten = new Promise((resolve) => {
    heard = () => resolve(undefined);
  });
  const unlock = new Unlock((why) => {
    said.push(why);
    heard();
  });
  const file = new TextEncoder().encode(vector.file);
  const who = await unlock.file({ file, password: vector.password }, (part) => parts.push(part));
  const grant = await grantFor(filled(6), await known(who.keys, who.fingerprint), scope());
  return { unlock, who, vector, said, forgotten, parts, grants: [{ grant, scope: scope() }] };
}

/** @type {Record<string, (load: Load) => Promise<void>>} */
export const unlocking = {
  "an identity file, a grant, and layers over a watcher's own port": async (load) => {
    const { unlock, who, vector, said, parts, grants } = await opened(load);
    same(who.line, vector.keys);
    holds(parts.length > 1, "progress is told");
    same(await unlock.grants(grants), [null]);

    /** @type {string[]} */
    const heard = [];
    const watcher = new Opener(unlock.connect(), (why) => heard.push(why));
    const { first, later } = await frames();
    same(await watcher.layer(first.place, first.index, first.layer), filled(0xaa, 100));
    same(await watcher.layer(later.place, later.index, later.layer), filled(0xbb, 50));
    same(first.layer.length > 0, true, "the sealed bytes stay with the caller");

    await unlock.forget();
    await refused("locked", () => watcher.layer(later.place, later.index, later.layer));
    same(await unlock.state(), { unlocked: false, unlockKeys: 0, contentKeys: 0, groups: 0 });
    same([said, heard], [["signed-out"], ["signed-out"]]);
    unlock.close();
  },

  "a watcher's port opens layers and does nothing else": async (load) => {
    const { unlock, grants } = await opened(load);
    await unlock.grants(grants);
    const port = unlock.connect();
    port.start();
    const answer = (/** @type {object} */ request) =>
      new Promise((resolve) => {
        port.onmessage = (event) => resolve(event.data);
        port.postMessage({ id: 1, ...request });
      });
    same(await answer({ ask: "state" }), { id: 1, done: { unlocked: true, unlockKeys: 0, contentKeys: 1, groups: 0 } }, "control");
    for (const ask of [
      "password",
      "recovery",
      "create",
      "rewrap",
      "unlock",
      "file",
      "forget",
      "touch",
      "connect",
      "constructor",
      undefined,
    ]) {
      const { refused: why } = await answer({ ask });
      same(why.reason, "not-allowed", String(ask));
    }
    unlock.close();
  },

  "whoever signs out in one tab is signed out in all": async (load) => {
    const [here, there] = await Promise.all([opened(load), opened(load)]);
    holds((await there.unlock.state()).unlocked, "control");
    await here.unlock.forget();
    await there.forgotten;
    holds(!(await there.unlock.state()).unlocked, "forgotten there too");
    same([here.said, there.said], [["signed-out"], ["signed-out"]], "and said once");
    here.unlock.close();
    there.unlock.close();
  },

  "register, then sign in again": async () => {
    const unlock = new Unlock(() => {});
    const asked = { host: "localhost", account: "guard", password: "plough candle orbit thistle", slot: /** @type {const} */ ("current") };
    same((await unlock.strength(asked.password, ["guard", "localhost"])).refused, null);
    same((await unlock.strength("guard1234567", ["guard"])).refused, "password-guessable");
    const { signInSecret } = await unlock.password(asked);
    const { keys, wraps, recovery } = await unlock.create();
    same([signInSecret.length, recovery.signInSecret.length, recovery.text.length], [32, 32, 39]);
    await unlock.unlock({ keys, wraps });
    await unlock.forget();
    await unlock.password({ ...asked, password: "another candle orbit thistle" });
    await refused("wrong-password", () => unlock.unlock({ keys, wraps }));
    await unlock.password(asked);
    same((await unlock.unlock({ keys, wraps })).keys, keys);
    unlock.close();
  },

  "closing ends what is under way": async (load) => {
    const { unlock, grants } = await opened(load);
    const underWay = [unlock.grants(grants), unlock.state()].map((asked) => asked.catch((error) => error.reason));
    unlock.close();
    same(await Promise.all(underWay), ["gone", "gone"]);
  },
};
