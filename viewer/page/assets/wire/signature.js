// Ed25519 (RFC 8032), verified strictly: what libraries differ about is refused before WebCrypto is asked.

import { compareBytes, same } from "./bytes.js";

/** The group's order, little-endian. */
const ORDER = Uint8Array.from(
  "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010".match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** The y coordinates of the points of small order, little-endian; x may have either sign. */
const SMALL = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].map((text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16)));

/**
 * Whether these 32 bytes can be a point that somebody honest would send: y below the field's prime, and not of small order. Whether they are on
 * the curve at all, WebCrypto says.
 * @param {Uint8Array} point
 */
export function isUsablePoint(point) {
  const y = Uint8Array.from(point);
  y[31] &= 0x7f;
  const canonical = y[0] < 0xed || y[31] !== 0x7f || y.subarray(1, 31).some((byte) => byte !== 0xff);
  return canonical && !SMALL.some((small) => same(small, y));
}

/** @param {Uint8Array} scalar little-endian */
function isBelowOrder(scalar) {
  return compareBytes(Uint8Array.from(scalar).reverse(), Uint8Array.from(ORDER).reverse()) < 0;
}

/**
 * A public key to verify with, or null for one that nobody may use.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export async function publicKey(bytes) {
  if (!isUsablePoint(bytes)) return null;
  try {
    return await crypto.subtle.importKey("raw", bytes, "Ed25519", false, ["verify"]);
  } catch {
    return null;
  }
}

/**
 * Whether a signature of 64 bytes holds.
 * @param {CryptoKey} key
 * @param {Uint8Array<ArrayBuffer>} message
 * @param {Uint8Array<ArrayBuffer>} signature
 */
export async function holds(key, message, signature) {
  if (!isUsablePoint(signature.subarray(0, 32)) || !isBelowOrder(signature.subarray(32))) return false;
  return crypto.subtle.verify("Ed25519", key, signature, message);
}
