// The worker: one connection to the relay, and every camera on it. The page's own thread hears what there is to say a few times a second; pictures
// go straight to the canvases.

import { encodeUnsubscribe } from "../wire/message.js";
import { openLink } from "./link.js";
import { Watch } from "./watch.js";

/** @typedef {import("./watch.js").State} State */
/** @typedef {import("./watch.js").Pin} Pin */
/** @typedef {import("./watch.js").Identity} Identity */
/** @typedef {import("../assess/verdict.js").Place} Place */
/**
 * @typedef {{ kind: "watch", name: string, canvas: OffscreenCanvas | null, pin: Pin | null, highest: Place | null } | { kind: "leave", name: string }
 *   | { kind: "accept", name: string, pin: Pin } | { kind: "hidden", hidden: boolean }} Wish
 */
/**
 * @typedef {{ kind: "state", state: State } | { kind: "met", name: string, identity: Identity }
 *   | { kind: "link", how: "webtransport" | "websocket" | null }} News
 */

/** How often at most the page hears of one camera, in ms. */
const TELL_EVERY = 250;
/** How long to wait before connecting again, in ms, first and at most. */
const BACKOFF = [500, 15_000];

/** @type {Map<string, Watch>} */
const watches = new Map();
/** The ones that are wanted now. @type {Set<string>} */
const wanted = new Set();
/** @type {import("./link.js").Link | null} */
let link = null;
let isOpening = false;
let isHidden = false;
let backoff = BACKOFF[0];
let numbers = 0;

/** @param {News} news */
function tell(news) {
  self.postMessage(news);
}

/** @param {MessageEvent<Wish>} event */
self.onmessage = ({ data: wish }) => {
  if (wish.kind === "watch") {
    want(wish);
  } else if (wish.kind === "leave") {
    leave(wish.name);
  } else if (wish.kind === "accept") {
    watches.get(wish.name)?.accept(wish.pin);
  } else {
    isHidden = wish.hidden;
    if (isHidden) drop();
    else connect();
  }
};

/** @param {Extract<Wish, { kind: "watch" }>} wish */
function want({ name, canvas, pin, highest }) {
  if (canvas) {
    numbers += 1;
    watches.set(name, new Watch(name, numbers, canvas, pin, highest, {
      send: (bytes) => link?.send(bytes),
      changed: () => changed(name),
      met: (identity) => tell({ kind: "met", name, identity }),
    }));
  }
  wanted.add(name);
  if (link) watches.get(name)?.subscribe();
  else connect();
}

/** @param {string} name */
function leave(name) {
  const watch = watches.get(name);
  wanted.delete(name);
  if (!watch) return;
  watch.rest();
  link?.send(encodeUnsubscribe(watch.subscription));
}

/** Cameras of which something is to be told. @type {Set<string>} */
const news = new Set();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let telling;

/** @param {string} name */
function changed(name) {
  const isFirst = watches.get(name)?.painted === 1;
  news.add(name);
  if (isFirst) return tellAll();
  telling ??= setTimeout(tellAll, TELL_EVERY);
}

function tellAll() {
  clearTimeout(telling);
  telling = undefined;
  for (const name of news) {
    const watch = watches.get(name);
    if (watch) tell({ kind: "state", state: watch.state() });
  }
  news.clear();
}

async function connect() {
  if (link || isOpening || isHidden) return;
  isOpening = true;
  try {
    /** @type {import("./link.js").Link} */
    const opened = await openLink({ message: heard, closed: () => { if (link === opened) lost(); } });
    link = opened;
    tell({ kind: "link", how: link.how });
    backoff = BACKOFF[0];
    if (isHidden) drop();
    else for (const name of wanted) watches.get(name)?.subscribe();
  } catch {
    again();
  } finally {
    isOpening = false;
  }
}

function lost() {
  link = null;
  tell({ kind: "link", how: null });
  for (const [name, watch] of watches) {
    watch.rest();
    changed(name);
  }
  again();
}

/** Tries again, later each time, and not at the same time as everybody else. */
function again() {
  if (isHidden || wanted.size === 0) return;
  setTimeout(connect, backoff * (0.5 + Math.random() / 2));
  backoff = Math.min(backoff * 2, BACKOFF[1]);
}

/** Lets the relay go: nobody looks. */
function drop() {
  const open = link;
  link = null;
  for (const watch of watches.values()) watch.rest();
  if (open) {
    tell({ kind: "link", how: null });
    open.close();
  }
}

/** @param {import("../wire/message.js").Message} message */
function heard(message) {
  if (!("subscription" in message)) return;
  if (message.subscription === 0) {
    link?.close();
    return;
  }
  for (const watch of watches.values()) {
    if (watch.subscription === message.subscription) watch.take(message);
  }
}

// At once: by the time the page knows which cameras there are, the relay has answered.
connect();
