// The worker that keeps the keys: they are made, used and forgotten here, and leave it never. `unlock.js` speaks with it.

import { Service } from "./protocol.js";

/** How often it looks whether somebody is still there, in milliseconds. */
const LOOK = 5000;

/** The other tabs: whoever signs out in one is signed out in all. */
const tabs = new BroadcastChannel("celosia-signed-out");
let told = false;

const service = new Service({
  onForgotten: (why) => {
    if (why === "signed-out" && !told) tabs.postMessage(why);
  },
});
tabs.onmessage = () => {
  told = true;
  service.signOut();
  told = false;
};
service.serve(/** @type {any} */ (globalThis));
setInterval(() => service.expire(), LOOK);
