// What this browser remembers: which camera it met under a name, and how far it saw it live. Nothing of it leaves the browser.

/** @typedef {import("./live/watch.js").Pin} Pin */
/** @typedef {import("./assess/verdict.js").Place} Place */

/**
 * Something that was kept, or null: where a browser keeps nothing, everything is new each time.
 * @param {string} key
 */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows may keep nothing.
  }
}

const DIGITS = /^[0-9a-f]{64}$/;

/**
 * The camera that was met under a name.
 * @param {string} name
 * @returns {Pin | null}
 */
export function pinOf(name) {
  try {
    const { id, root } = JSON.parse(recall(`celosia.camera.${name}`) ?? "null") ?? {};
    return DIGITS.test(id) && DIGITS.test(root) ? { id, root } : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {Pin} pin
 */
export function keepPin(name, { id, root }) {
  remember(`celosia.camera.${name}`, JSON.stringify({ id, root }));
}

/**
 * The highest frame of a camera that was certainly seen live here.
 * @param {string} id
 * @returns {Place | null}
 */
export function highestOf(id) {
  const found = /^(\d{1,20})\/(\d{1,20})$/.exec(recall(`celosia.seen.${id}`) ?? "");
  return found ? { session: BigInt(found[1]), sequence: BigInt(found[2]) } : null;
}

/**
 * @param {string} id
 * @param {Place} place
 */
export function keepHighest(id, place) {
  const known = highestOf(id);
  const isHigher = !known || place.session > known.session || (place.session === known.session && place.sequence > known.sequence);
  if (isHigher) remember(`celosia.seen.${id}`, `${place.session}/${place.sequence}`);
}
