// The cameras of this relay: the list, the worker that watches them, and one window for each.

import { highestOf, keepHighest, keepPin, pinOf } from "./pins.js";
import { Window } from "./ui/window.js";

/** @typedef {import("./live/watch.js").State} State */
/** @typedef {import("./live/worker.js").News} News */
/** @typedef {import("./live/worker.js").Wish} Wish */
/** @typedef {{ name: string, id: string, live: boolean }} Listed a camera in the relay's list; what it says of ids is not relied on */
/** @typedef {{ name: string, window: Window, state: State, isGiven: boolean, isWanted: boolean }} Camera */

/** As many as one connection takes. */
const MOST = 16;

export class Cameras {
  /** @param {(camera: Camera) => void} changed something is known anew of a camera */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<string, Camera>} */
    this.all = new Map();
    /** @type {"webtransport" | "websocket" | null} */
    this.link = null;
    this.worker = new Worker("/assets/live/worker.js", { type: "module" });
    /** @param {MessageEvent<News>} event */
    this.worker.onmessage = ({ data }) => this.hear(data);
    document.addEventListener("visibilitychange", () => this.wish({ kind: "hidden", hidden: document.hidden }));
    if (document.hidden) this.wish({ kind: "hidden", hidden: true });
  }

  /**
   * @param {Wish} wish
   * @param {Transferable[]} transfer
   */
  wish(wish, transfer = []) {
    this.worker.postMessage(wish, transfer);
  }

  /** Asks the relay which cameras everyone may watch. Says whether it answered. */
  async list() {
    let listed;
    try {
      const answer = await fetch("/api/v1/cameras");
      if (!answer.ok) return false;
      listed = /** @type {Listed[]} */ (await answer.json());
    } catch {
      return false;
    }
    for (const { name } of listed) {
      if (!this.all.has(name)) this.all.set(name, this.camera(name));
    }
    for (const name of this.all.keys()) {
      if (!listed.some((one) => one.name === name)) {
        this.leave(name);
        this.all.delete(name);
      }
    }
    return true;
  }

  /**
   * @param {string} name
   * @returns {Camera}
   */
  camera(name) {
    /** @type {State} */
    const state = {
      name, phase: "waiting", text: "", report: { verdict: "not-enough-yet", findings: [{ reason: { kind: "no-frame-yet" }, count: 1 }] },
      identity: null, shown: null, paintedAt: null, painted: 0, skipped: 0, skippedAt: null, highest: null,
    };
    return { name, window: new Window(() => this.accept(name)), state, isGiven: false, isWanted: false };
  }

  /**
   * Begins to watch a camera that is on the screen.
   * @param {string} name
   */
  watch(name) {
    const camera = this.all.get(name);
    if (!camera || camera.isWanted) return;
    if ([...this.all.values()].filter((one) => one.isWanted).length >= MOST) return;
    camera.isWanted = true;
    const pin = pinOf(name);
    const canvas = camera.isGiven ? null : camera.window.offscreen();
    camera.isGiven = true;
    this.wish({ kind: "watch", name, canvas, pin, highest: pin && highestOf(pin.id) }, canvas ? [canvas] : []);
  }

  /** @param {string} name */
  leave(name) {
    const camera = this.all.get(name);
    if (!camera?.isWanted) return;
    camera.isWanted = false;
    this.wish({ kind: "leave", name });
  }

  /**
   * The person takes the camera that is there now for the one they mean.
   * @param {string} name
   */
  accept(name) {
    const identity = this.all.get(name)?.state.identity;
    if (!identity) return;
    const pin = { id: identity.id, root: identity.root };
    keepPin(name, pin);
    this.wish({ kind: "accept", name, pin });
  }

  /** @param {News} news */
  hear(news) {
    if (news.kind === "link") {
      this.link = news.how;
      return;
    }
    if (news.kind === "met") {
      keepPin(news.name, news.identity);
      return;
    }
    const camera = this.all.get(news.state.name);
    if (!camera) return;
    camera.state = news.state;
    const { identity, highest } = news.state;
    if (identity?.isAccepted && highest) keepHighest(identity.id, highest);
    this.changed(camera);
  }
}
