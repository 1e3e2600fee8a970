// Every key that is unlocked, in one place, and the way to forget them all at once. Lives in the worker; nothing of it is stored.
//
// Four tables, each bounded: unlock keys on their way from a password to what they open, one identity, content keys by what they are
// good for, and openers of groups.

import { hex } from "../vendor/scure-base.js";
import { erase } from "./bytes.js";
import { parse as parseFile } from "./file.js";
import { open as openGrant } from "./grant.js";
import { create, open, rewrap } from "./identity.js";
import { groupSecret } from "./keys.js";
import { GroupOpener } from "./layer.js";
import { accountSalt, stretch } from "./password.js";
import { fingerprint, line, spoken } from "./public.js";
import { parse as parseCode, random, reveal, secrets } from "./recovery.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./grant.js").Grant} Grant */
/** @typedef {import("./grant.js").Scope} Scope */
/** @typedef {import("./identity.js").Identity} Identity */
/** @typedef {import("./identity.js").Wraps} Wraps */
/** @typedef {import("./password.js").Stretched} Stretched */
/** @typedef {import("./public.js").PublicKeys} PublicKeys */
/** @typedef {import("./refusal.js").Reason} Reason */

/** @typedef {"signed-out" | "idle"} Why */

/** Where an unlock key waits: of the password in use, of the recovery code, of the password to come. @typedef {"current" | "recovery" | "new"} Slot */
export const SLOTS = /** @type {const} */ (["current", "recovery", "new"]);

/**
 * @typedef {object} RecoverySide what the relay keeps for a recovery code, and the code to be shown once
 * @property {string} text
 * @property {Bytes} signInSecret
 * @property {Wraps} wraps
 */

/** @typedef {{ keys: PublicKeys, fingerprint: Bytes, spoken: string, line: string }} Who */

/**
 * @typedef {object} Place of a frame's layers
 * @property {Scope} scope the epoch that the frame was sealed in; its label and name are those of the layer
 * @property {bigint} group
 * @property {bigint} sequence
 * @property {boolean} key whether it is the group's key frame
 */

/** How long nobody may have done anything, in milliseconds. */
export const IDLE = 15 * 60 * 1000;

/** How many content keys are kept: 12 labels for some 11 hours of one camera. The one unused for longest goes first. */
export const MAX_CONTENT_KEYS = 8192;

/** How many openers are kept. */
export const MAX_GROUPS = 1024;

/** How many passwords may wait to be stretched: each takes a second and 128 MiB. */
const MAX_WAITING = 4;

/** The kept keys of one viewer. */
export class Keyring {
  /** @type {Map<Slot, CryptoKey>} */ #unlocks = new Map();
  /** @type {Identity | null} */ #identity = null;
  /** @type {Map<string, CryptoKey>} */ #contentKeys = new Map();
  /** @type {Map<string, Promise<GroupOpener>>} */ #groups = new Map();
  /** Raised whenever everything is forgotten: what was under way by then comes to nothing. */
  #generation = 0;
  #waiting = 0;
  /** @type {Promise<unknown>} */ #stretching = Promise.resolve();
  #touched;
  #now;
  #idle;
  #onForgotten;

  /**
   * @param {object} [options]
   * @param {() => number} [options.now] milliseconds
   * @param {number} [options.idle] milliseconds
   * @param {(why: Why) => void} [options.onForgotten]
   */
  constructor({ now = Date.now, idle = IDLE, onForgotten = () => {} } = {}) {
    this.#now = now;
    this.#idle = idle;
    this.#onForgotten = onForgotten;
    this.#touched = now();
  }

  /** Somebody is there: a key, a pointer, a touch, a password. Pictures that keep coming do not count. */
  touch() {
    this.expire();
    this.#touched = this.#now();
  }

  /** Forgets everything if nobody was there for too long. Asked before everything else, so that a machine that slept opens nothing. */
  expire() {
    // A clock that was set back makes nobody be there for longer.
    this.#touched = Math.min(this.#touched, this.#now());
    if (this.#now() - this.#touched >= this.#idle && this.#holds()) this.forget("idle");
  }

  /**
   * Forgets every key.
   * @param {Why} why
   */
  forget(why) {
    this.#generation += 1;
    this.#unlocks.clear();
    this.#identity = null;
    this.#contentKeys.clear();
    this.#groups.clear();
    this.#onForgotten(why);
  }

  /** What is held, in numbers. */
  state() {
    return {
      unlocked: this.#identity !== null,
      unlockKeys: this.#unlocks.size,
      contentKeys: this.#contentKeys.size,
      groups: this.#groups.size,
    };
  }

  /**
   * Stretches an account's password. The unlock key waits here; the sign-in secret is for the relay.
   * @param {{ password: string, host: string, account: string, slot: Slot }} request
   * @param {(part: number) => void} [onProgress]
   * @returns {Promise<{ signInSecret: Bytes }>}
   */
  async password({ password, host, account, slot }, onProgress) {
    this.touch();
    return this.#keep(slot, async () => {
      const salt = await accountSalt(host, account);
      return this.#one(() => stretch(password, salt, onProgress));
    });
  }

  /**
   * The same for a recovery code.
   * @param {{ code: string }} request
   * @returns {Promise<{ signInSecret: Bytes }>}
   */
  recovery({ code }) {
    this.touch();
    return this.#keep("recovery", async () => secrets(await parseCode(code)));
  }

  /**
   * New keys, wrapped under the password that waits in `current`, and under a new recovery code.
   * @returns {Promise<{ keys: PublicKeys, wraps: Wraps, recovery: RecoverySide }>}
   */
  async create() {
    const unlock = this.#waitingIn("current");
    const work = async () => {
      const { text, signInSecret, unlock: recovery } = await newCode();
      const { keys, wraps } = await create([unlock, recovery]);
      return { keys, wraps: wraps[0], recovery: { text, signInSecret, wraps: wraps[1] } };
    };
    return this.#unlessForgotten(work, (made) => made);
  }

  /**
   * The same keys under the password that waits in `new`, and, after a recovery, under a new code too: the old one is used up.
   * @param {{ from: "current" | "recovery", keys: PublicKeys, wraps: Wraps }} request
   * @returns {Promise<{ wraps: Wraps, recovery: RecoverySide | null }>}
   */
  async rewrap({ from, keys, wraps }) {
    const [old, next] = [this.#waitingIn(from), this.#waitingIn("new")];
    const work = async () => {
      const code = from === "recovery" ? await newCode() : null;
      const made = await rewrap(wraps, old, keys, code ? [next, code.unlock] : [next]);
      return { wraps: made[0], recovery: code && { text: code.text, signInSecret: code.signInSecret, wraps: made[1] } };
    };
    return this.#unlessForgotten(work, (made) => {
      // From now on the new password is the one in use; where the keys are open already, nothing is left to do for it.
      this.#unlocks.clear();
      if (!this.#identity) this.#unlocks.set("current", next);
      return made;
    });
  }

  /**
   * Opens an account's private keys with the password that waits in `current`, which is not needed any longer.
   * @param {{ keys: PublicKeys, wraps: Wraps }} request
   * @returns {Promise<Who>}
   */
  async unlock({ keys, wraps }) {
    const unlock = this.#waitingIn("current");
    return this.#take(() => open(wraps, unlock, keys));
  }

  /**
   * Opens an identity file.
   * @param {{ file: Bytes, password: string }} request
   * @param {(part: number) => void} [onProgress]
   * @returns {Promise<Who>}
   */
  async file({ file, password }, onProgress) {
    this.touch();
    return this.#take(async () => {
      const { salt, keys, wraps } = await parseFile(file);
      const stretched = await this.#one(() => stretch(password, salt, onProgress));
      erase(stretched.signInSecret);
      return open(wraps, stretched.unlock, keys);
    });
  }

  /**
   * Opens grants and keeps their content keys. Says for each why it does not open, or nothing.
   * @param {{ grants: { grant: Grant, scope: Scope }[] }} request
   * @returns {Promise<{ refused: (Refusal | null)[] }>}
   */
  async grants({ grants }) {
    const identity = this.#opened();
    if (grants.length > MAX_CONTENT_KEYS) throw new Refusal("not-a-request");
    const work = () => Promise.allSettled(grants.map(({ grant, scope }) => openGrant(identity, grant, scope)));
    return this.#unlessForgotten(work, (opened) => {
      const refused = opened.map((result, at) => {
        if (result.status === "rejected") return asRefusal(result.reason);
        remember(this.#contentKeys, contentName(grants[at].scope), result.value, MAX_CONTENT_KEYS);
        return null;
      });
      return { refused };
    });
  }

  /**
   * Opens one sealed layer of a frame that was verified before. A group's key frame comes first: it commits to the key.
   * @param {{ place: Place, index: number, layer: Bytes }} request
   * @returns {Promise<{ bytes: Bytes }>}
   */
  async layer({ place, index, layer }) {
    this.#opened();
    const { scope, group, sequence, key } = place;
    const content = contentName(scope);
    const contentKey = this.#contentKeys.get(content);
    if (!contentKey) throw new Refusal("no-grant");
    remember(this.#contentKeys, content, contentKey, MAX_CONTENT_KEYS);
    const name = `${content} ${group}`;
    // Kept before it has started: the group's other frames may be on their way already.
    const opener = key ? start(contentKey, group, sequence, index, layer) : this.#groups.get(name);
    if (!opener) throw new Refusal("no-key-frame");
    remember(this.#groups, name, opener, MAX_GROUPS);
    const work = async () => (await opener).open(sequence, index, layer);
    return this.#unlessForgotten(work, (bytes) => ({ bytes }));
  }

  #holds() {
    return this.#identity !== null || this.#unlocks.size > 0 || this.#contentKeys.size > 0 || this.#waiting > 0;
  }

  #opened() {
    this.expire();
    if (!this.#identity) throw new Refusal("locked");
    return this.#identity;
  }

  /** @param {Slot} slot */
  #waitingIn(slot) {
    this.expire();
    const unlock = this.#unlocks.get(slot);
    if (!unlock) throw new Refusal("locked");
    return unlock;
  }

  /**
   * @param {Slot} slot
   * @param {() => Promise<Stretched>} derive
   */
  async #keep(slot, derive) {
    if (!SLOTS.includes(slot)) throw new Refusal("not-a-request");
    return this.#unlessForgotten(derive, ({ signInSecret, unlock }) => {
      this.#unlocks.set(slot, unlock);
      return { signInSecret };
    });
  }

  /**
   * @param {() => Promise<Identity>} opening
   * @returns {Promise<Who>}
   */
  async #take(opening) {
    const work = async () => {
      const identity = await opening();
      return { identity, who: await describe(identity.keys) };
    };
    return this.#unlessForgotten(work, ({ identity, who }) => {
      // What is under way for whoever was unlocked before comes to nothing too.
      this.#generation += 1;
      this.#unlocks.clear();
      this.#contentKeys.clear();
      this.#groups.clear();
      this.#identity = identity;
      return who;
    });
  }

  /**
   * What was begun before everything was forgotten gives nothing afterwards. Nothing comes between the question and `keep`.
   * @template T, R
   * @param {() => Promise<T>} work
   * @param {(result: T) => R} keep
   * @returns {Promise<R>}
   */
  async #unlessForgotten(work, keep) {
    this.expire();
    const generation = this.#generation;
    const result = await work();
    this.expire();
    if (generation !== this.#generation) throw new Refusal("forgotten");
    return keep(result);
  }

  /**
   * One password at a time.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #one(work) {
    if (this.#waiting >= MAX_WAITING) throw new Refusal("busy");
    this.#waiting += 1;
    const turn = this.#stretching.then(work);
    this.#stretching = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }
}

/**
 * A refusal stays one; any other error is none of the caller's business.
 * @param {unknown} error
 */
export function asRefusal(error) {
  return error instanceof Refusal ? error : new Refusal("not-a-request", error instanceof Error ? error.name : undefined);
}

/** @param {PublicKeys} keys */
async function describe(keys) {
  const name = await fingerprint(keys);
  return { keys, fingerprint: name, spoken: spoken(name), line: await line(keys) };
}

async function newCode() {
  const code = random();
  return { text: await reveal(code), ...(await secrets(code)) };
}

/**
 * @param {CryptoKey} contentKey
 * @param {bigint} group
 * @param {bigint} sequence
 * @param {number} index
 * @param {Bytes} layer
 */
async function start(contentKey, group, sequence, index, layer) {
  return GroupOpener.start(await groupSecret(contentKey, group), sequence, index, layer);
}

/** @param {Scope} scope */
function contentName({ camera, session, epoch, label, name }) {
  return `${hex.encode(camera)} ${hex.encode(session)} ${epoch} ${label} ${name}`;
}

/**
 * Puts a value at the end of a table, and takes the first one out when there are too many.
 * @template T
 * @param {Map<string, T>} table
 * @param {string} name
 * @param {T} value
 * @param {number} most
 */
function remember(table, name, value, most) {
  table.delete(name);
  table.set(name, value);
  const [oldest] = table.keys();
  if (table.size > most) table.delete(oldest);
}
