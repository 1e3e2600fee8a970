// A wrapped private key: one format for identity files and for accounts.
//
//     nonce (12) ‖ AES-256-GCM of PKCS#8 v1 (RFC 8410), 48 bytes ‖ tag (16)          76 bytes
//     associated data = "celosia wrap v1" ‖ kind u8 (1 = X25519, 2 = Ed25519) ‖ fingerprint (32)
//
// WebCrypto wraps and unwraps: a private key never is bytes that JavaScript could read.

import { concat, equal } from "./bytes.js";
import { DOMAIN } from "./keys.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

const NONCE = 12;
const PKCS8 = 48;
const TAG = 16;

/** How long a wrapped key is, in bytes. */
export const WRAPPED = NONCE + PKCS8 + TAG;

/**
 * @typedef {object} Kind which of a viewer's two private keys
 * @property {number} number under the associated data
 * @property {'X25519' | 'Ed25519'} algorithm
 * @property {KeyUsage[]} usages
 * @property {Bytes} prefix of its PKCS#8: always these bytes, then the key
 */

/** Receives grants (RFC 7748). @type {Kind} */
export const EXCHANGE = Object.freeze({
  number: 1,
  algorithm: "X25519",
  usages: /** @type {KeyUsage[]} */ (["deriveBits"]),
  prefix: Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20),
});

/** Signs what an owner does (RFC 8032). @type {Kind} */
export const SIGNING = Object.freeze({
  number: 2,
  algorithm: "Ed25519",
  usages: /** @type {KeyUsage[]} */ (["sign"]),
  prefix: Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20),
});

/**
 * Wraps under a random nonce.
 * @param {CryptoKey} unlock
 * @param {Kind} kind
 * @param {Bytes} fingerprint
 * @param {CryptoKey} key extractable
 */
export async function wrap(unlock, kind, fingerprint, key) {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE));
  const sealed = new Uint8Array(await crypto.subtle.wrapKey("pkcs8", key, unlock, gcm(nonce, kind, fingerprint)));
  if (sealed.length !== PKCS8 + TAG || !(await hasOurForm(unlock, nonce, kind, sealed))) {
    throw new Error("this browser writes private keys in another form than RFC 8410");
  }
  return concat(nonce, sealed);
}

/**
 * The private key, which cannot be exported unless it is to be wrapped again.
 * @param {CryptoKey} unlock
 * @param {Kind} kind
 * @param {Bytes} fingerprint
 * @param {Bytes} wrapped
 * @param {boolean} [extractable]
 */
export async function unwrap(unlock, kind, fingerprint, wrapped, extractable = false) {
  if (wrapped.length !== WRAPPED) throw new Refusal("wrong-password");
  const nonce = wrapped.slice(0, NONCE);
  const sealed = wrapped.slice(NONCE);
  let key;
  try {
    const algorithm = { name: kind.algorithm };
    key = await crypto.subtle.unwrapKey("pkcs8", sealed, unlock, gcm(nonce, kind, fingerprint), algorithm, extractable, kind.usages);
  } catch (error) {
    // WebCrypto tells what did not decrypt from what decrypts to no such key.
    throw new Refusal(error instanceof DOMException && error.name === "DataError" ? "other-keys" : "wrong-password");
  }
  if (!(await hasOurForm(unlock, nonce, kind, sealed))) throw new Refusal("other-keys");
  return key;
}

/**
 * Whether the PKCS#8 begins as it must, without seeing it: the same key stream over the right beginning gives the same bytes.
 * @param {CryptoKey} unlock
 * @param {Bytes} nonce
 * @param {Kind} kind
 * @param {Bytes} sealed
 */
async function hasOurForm(unlock, nonce, kind, sealed) {
  const expected = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, unlock, kind.prefix));
  return equal(expected.subarray(0, kind.prefix.length), sealed.subarray(0, kind.prefix.length));
}

/**
 * @param {Bytes} nonce
 * @param {Kind} kind
 * @param {Bytes} fingerprint
 */
function gcm(nonce, kind, fingerprint) {
  return { name: "AES-GCM", iv: nonce, tagLength: 8 * TAG, additionalData: concat(DOMAIN.wrap, Uint8Array.of(kind.number), fingerprint) };
}
