// Bytes: joined, compared and erased.

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

const encoder = new TextEncoder();

/**
 * One after the other. Text is taken as UTF-8.
 * @param {...(Uint8Array | string)} parts
 * @returns {Bytes}
 */
export function concat(...parts) {
  const all = parts.map((part) => (typeof part === "string" ? encoder.encode(part) : part));
  const out = new Uint8Array(all.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of all) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * Eight bytes, big-endian.
 * @param {bigint} number below 2^64
 */
export function u64(number) {
  if (number < 0n || number >> 64n) throw new RangeError("not a u64");
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, number);
  return out;
}

/**
 * Whether they are the same bytes; how long it takes tells nothing but their lengths.
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
export function equal(one, other) {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let at = 0; at < one.length; at += 1) difference |= one[at] ^ other[at];
  return difference === 0;
}

/**
 * Overwrites secrets with zeros.
 * @param {...Uint8Array} secrets
 */
export function erase(...secrets) {
  for (const secret of secrets) secret.fill(0);
}

/**
 * SHA-256 (FIPS 180-4) of the parts, one after the other.
 * @param {...(Uint8Array | string)} parts
 */
export async function sha256(...parts) {
  const input = concat(...parts);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", input));
  erase(input);
  return digest;
}
