// What is asked of the worker that keeps the keys, and how it answers.
//
//     → { id, ask: "password", … }                  one of a keyring's methods, with its fields
//     ← { id, part }                                while a password is stretched: how far it is, from 0 to 1
//     ← { id, done: … }  or  { id, refused: { reason, detail } }
//     ← { forgotten: "signed-out" | "idle" }           to everybody, whenever everything was forgotten

import { Keyring, asRefusal } from "./keyring.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./refusal.js").Reason} Reason */

/** @typedef {Pick<MessagePort, 'postMessage' | 'addEventListener'>} Port */

/** What whoever only shows pictures may ask. */
const WATCHING = new Set(["grants", "layer", "state"]);

/** And what the page may ask besides. */
const ALL = new Set([...WATCHING, "password", "recovery", "strength", "create", "rewrap", "unlock", "file", "touch", "forget", "connect"]);

/** How many ports a page may open. */
const MAX_PORTS = 32;

/** Answers for one keyring, on as many ports as there are. */
export class Service {
  /** @type {Set<Port>} */ #ports = new Set();
  #keyring;

  /** @param {ConstructorParameters<typeof Keyring>[0]} [options] */
  constructor(options = {}) {
    const onForgotten = (/** @type {import("./keyring.js").Why} */ why) => {
      for (const port of this.#ports) port.postMessage({ forgotten: why });
      options.onForgotten?.(why);
    };
    this.#keyring = new Keyring({ ...options, onForgotten });
  }

  /** Forgets everything if nobody was there for too long. */
  expire() {
    this.#keyring.expire();
  }

  /** Forgets everything: somebody signed out. */
  signOut() {
    this.#keyring.forget("signed-out");
  }

  /**
   * Answers the page itself.
   * @param {Port} port
   */
  serve(port) {
    this.#listen(port, ALL);
  }

  /**
   * @param {Port} port
   * @param {Set<string>} allowed
   */
  #listen(port, allowed) {
    this.#ports.add(port);
    port.addEventListener("message", (event) => {
      void this.#answer(port, allowed, /** @type {MessageEvent} */ (event).data ?? {});
    });
  }

  /**
   * @param {Port} port
   * @param {Set<string>} allowed
   * @param {any} request
   */
  async #answer(port, allowed, request) {
    const { id, ask } = request;
    try {
      if (!allowed.has(ask)) throw new Refusal("not-allowed");
      const done = await this.#do(ask, request, (part) => port.postMessage({ id, part }));
      port.postMessage({ id, done }, secretsOf(done));
    } catch (error) {
      port.postMessage({ id, refused: plain(asRefusal(error)) });
    }
  }

  /**
   * @param {string} ask
   * @param {any} request
   * @param {(part: number) => void} onProgress
   * @returns {Promise<any>}
   */
  async #do(ask, request, onProgress) {
    const keyring = this.#keyring;
    switch (ask) {
      case "password":
        return keyring.password(request, onProgress);
      case "recovery":
        return keyring.recovery(request);
      case "create":
        return keyring.create();
      case "rewrap":
        return keyring.rewrap(request);
      case "unlock":
        return keyring.unlock(request);
      case "file":
        return keyring.file(request, onProgress);
      case "layer":
        return keyring.layer(request);
      case "state":
        return keyring.state();
      case "touch":
        return keyring.touch();
      case "forget":
        return this.signOut();
      case "grants": {
        const { refused } = await keyring.grants(request);
        return { refused: refused.map((refusal) => refusal && plain(refusal)) };
      }
      case "strength": {
        const { strength } = await import("./strength.js");
        return strength(request.password, request.known);
      }
      case "connect": {
        if (this.#ports.size >= MAX_PORTS) throw new Refusal("busy");
        this.#listen(request.port, WATCHING);
        request.port.start();
        return undefined;
      }
      default:
        throw new Refusal("not-a-request");
    }
  }
}

/**
 * A refusal as a message.
 * @param {Refusal} refusal
 */
function plain({ reason, detail }) {
  return { reason, detail };
}

/**
 * What is handed over instead of copied, so that none of it stays behind.
 * @param {any} done
 * @returns {Transferable[]}
 */
function secretsOf(done) {
  const secrets = [done?.bytes, done?.signInSecret, done?.recovery?.signInSecret];
  return secrets.filter((secret) => secret !== undefined).map((secret) => secret.buffer);
}
