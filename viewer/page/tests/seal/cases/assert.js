// The few assertions that these cases need, the same in node and in a browser.

import { hex } from "../../../assets/vendor/scure-base.js";
import { Refusal } from "../../../assets/seal/refusal.js";

/** @param {unknown} value */
const text = (value) =>
  value instanceof Uint8Array ? hex.encode(value) : JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}n` : inner));

/**
 * @param {unknown} actual
 * @param {unknown} expected
 * @param {string} [what]
 */
export function same(actual, expected, what = "values") {
  if (text(actual) !== text(expected)) throw new Error(`${what}: ${text(actual)} instead of ${text(expected)}`);
}

/**
 * @param {unknown} condition
 * @param {string} what
 */
export function holds(condition, what) {
  if (!condition) throw new Error(`does not hold: ${what}`);
}

/**
 * @param {import("../../../assets/seal/refusal.js").Reason | RegExp} reason
 * @param {() => unknown} work
 * @param {string} [what]
 */
export async function refused(reason, work, what = "") {
  let done;
  try {
    done = await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const fits = reason instanceof RegExp ? reason.test(error.reason) : error.reason === reason;
    if (!fits) throw new Error(`${what}: refused as ${error.reason}, not ${reason}`);
    return error;
  }
  throw new Error(`${what}: not refused (${reason}) but ${text(done)}`);
}

export const bytes = hex.decode;

/** @param {number} value @param {number} [length] */
export const filled = (value, length = 32) => new Uint8Array(length).fill(value);

/**
 * The bytes with one bit changed.
 * @param {Uint8Array} all
 * @param {number} bit
 */
export function flipped(all, bit) {
  const out = Uint8Array.from(all);
  out[bit >> 3] ^= 1 << (bit & 7);
  return out;
}
