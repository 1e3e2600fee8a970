// The page's side of the worker that keeps the keys. Whoever shows pictures gets a port of its own from `connect` and can have layers
// opened over it, but not ask for anything else.

import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./keyring.js").Keyring} Keyring */
/** @typedef {import("./keyring.js").Why} Why */
/** @typedef {import("./refusal.js").Reason} Reason */

/**
 * @template {(...all: any) => any} F
 * @typedef {Awaited<ReturnType<F>>} Result
 */

/** How long an answer may take, in milliseconds: stretching a password takes half a minute on a very slow phone. */
const PATIENCE = 120_000;

/** How many answers may be outstanding. A watcher that is not served so fast has to skip. */
const MAX_OUTSTANDING = 256;

/** Asks for layers to be opened. */
export class Opener {
  /** @type {Map<number, { resolve: (done: any) => void, reject: (refusal: Refusal) => void, onProgress?: (part: number) => void, timer: any }>} */
  #outstanding = new Map();
  #last = 0;

  /**
   * @param {Worker | MessagePort} port
   * @param {(why: Why) => void} [onForgotten]
   */
  constructor(port, onForgotten = () => {}) {
    /** @protected */
    this.port = port;
    port.addEventListener("message", (event) => {
      const { forgotten, ...answer } = /** @type {MessageEvent} */ (event).data;
      if (forgotten) onForgotten(forgotten);
      else this.#take(answer);
    });
    const gone = () => this.abandon();
    port.addEventListener("error", gone);
    port.addEventListener("messageerror", gone);
    if ("start" in port) port.start();
  }

  /**
   * Has grants opened; says for each why it does not open, or `null`.
   * @param {Parameters<Keyring['grants']>[0]['grants']} grants
   * @returns {Promise<({ reason: Reason, detail?: string | number } | null)[]>}
   */
  async grants(grants) {
    return (await this.ask("grants", { grants })).refused;
  }

  /**
   * Has one layer of a verified frame opened. The sealed bytes stay with the caller.
   * @param {import("./keyring.js").Place} place
   * @param {number} index the layer's place in the frame's list
   * @param {Bytes} layer
   * @returns {Promise<Bytes>}
   */
  async layer(place, index, layer) {
    return (await this.ask("layer", { place, index, layer })).bytes;
  }

  /** What is held, in numbers. @returns {Promise<Result<Keyring['state']>>} */
  state() {
    return this.ask("state", {});
  }

  /**
   * @protected
   * @param {string} ask
   * @param {object} fields
   * @param {(part: number) => void} [onProgress]
   * @param {Transferable[]} [handedOver]
   * @returns {Promise<any>}
   */
  ask(ask, fields, onProgress, handedOver = []) {
    if (this.#outstanding.size >= MAX_OUTSTANDING) return Promise.reject(new Refusal("busy"));
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#take({ id, refused: { reason: "gone" } }), PATIENCE);
      this.#outstanding.set(id, { resolve, reject, onProgress, timer });
      this.port.postMessage({ ...fields, id, ask }, handedOver);
    });
  }

  /** Nothing more is answered: the worker is gone. @protected */
  abandon() {
    for (const id of [...this.#outstanding.keys()]) this.#take({ id, refused: { reason: "gone" } });
  }

  /** @param {{ id: number, part?: number, done?: unknown, refused?: { reason: Reason, detail?: string | number } }} answer */
  #take({ id, part, done, refused }) {
    const waiting = this.#outstanding.get(id);
    if (!waiting) return;
    if (part !== undefined) {
      waiting.onProgress?.(part);
      return;
    }
    clearTimeout(waiting.timer);
    this.#outstanding.delete(id);
    if (refused) waiting.reject(new Refusal(refused.reason, refused.detail));
    else waiting.resolve(done);
  }
}

/** Everything that the page itself may ask. */
export class Unlock extends Opener {
  /** @type {Worker} */ #worker;

  /**
   * @param {(why: Why) => void} onForgotten
   * @param {Worker} [worker]
   */
  constructor(onForgotten, worker = new Worker(new URL("./unlock-worker.js", import.meta.url), { type: "module" })) {
    super(worker, onForgotten);
    this.#worker = worker;
  }

  /**
   * Stretches an account's password; its unlock key waits in the worker, the sign-in secret is for the relay.
   * @param {Parameters<Keyring['password']>[0]} fields
   * @param {(part: number) => void} [onProgress]
   * @returns {Promise<Result<Keyring['password']>>}
   */
  password(fields, onProgress) {
    return this.ask("password", fields, onProgress);
  }

  /**
   * The same for a recovery code.
   * @param {string} code
   * @returns {Promise<Result<Keyring['recovery']>>}
   */
  recovery(code) {
    return this.ask("recovery", { code });
  }

  /**
   * Whether a password may be chosen.
   * @param {string} password
   * @param {string[]} known what a guesser tries first: the account's name, the relay's
   * @returns {Promise<import("./strength.js").Strength>}
   */
  strength(password, known) {
    return this.ask("strength", { password, known });
  }

  /** New keys for the password that waits, and a recovery code. @returns {Promise<Result<Keyring['create']>>} */
  create() {
    return this.ask("create", {});
  }

  /**
   * The same keys for a new password.
   * @param {Parameters<Keyring['rewrap']>[0]} fields
   * @returns {Promise<Result<Keyring['rewrap']>>}
   */
  rewrap(fields) {
    return this.ask("rewrap", fields);
  }

  /**
   * Opens an account's private keys with the password that waits.
   * @param {Parameters<Keyring['unlock']>[0]} fields
   * @returns {Promise<Result<Keyring['unlock']>>}
   */
  unlock(fields) {
    return this.ask("unlock", fields);
  }

  /**
   * Opens an identity file.
   * @param {Parameters<Keyring['file']>[0]} fields
   * @param {(part: number) => void} [onProgress]
   * @returns {Promise<Result<Keyring['file']>>}
   */
  file(fields, onProgress) {
    return this.ask("file", fields, onProgress);
  }

  /** A port for whoever shows pictures, to be handed to `new Opener`. */
  connect() {
    const { port1, port2 } = new MessageChannel();
    this.ask("connect", { port: port1 }, undefined, [port1]).catch(() => port2.close());
    return port2;
  }

  /** Somebody is there. */
  touch() {
    void this.ask("touch", {}).catch(() => {});
  }

  /** Signs out: every key is forgotten, here and in every other tab. */
  forget() {
    return this.ask("forget", {});
  }

  /** The page closes: the worker ends, and with it everything that it holds. */
  close() {
    this.#worker.terminate();
    this.abandon();
  }
}
