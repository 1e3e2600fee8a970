// A viewer's own keys: one that receives grants, one that signs what an owner does.

import { equal } from "./bytes.js";
import { fingerprint } from "./public.js";
import { Refusal } from "./refusal.js";
import { EXCHANGE, SIGNING, unwrap, wrap } from "./wrap.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./public.js").PublicKeys} PublicKeys */
/** @typedef {{ exchange: Bytes, signing: Bytes }} Wraps both private keys, each wrapped under one unlock key */

/**
 * @typedef {object} Identity private keys that cannot be exported
 * @property {CryptoKeyPair} exchange
 * @property {CryptoKey} signing
 * @property {PublicKeys} keys
 * @property {Bytes} fingerprint
 */

/** @typedef {{ exchange: CryptoKey, signing: CryptoKey }} Private */

/** The X25519 base point (RFC 7748): the exchange with it is the public key. */
const BASE_POINT = Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 9 : 0));

/** Signed to see whether a private key is that of a public one; goes nowhere. */
const PROBE = new TextEncoder().encode("celosia probe v1");

/**
 * New keys, wrapped under each of the unlock keys.
 * @param {CryptoKey[]} unlocks
 * @returns {Promise<{ keys: PublicKeys, wraps: Wraps[] }>}
 */
export async function create(unlocks) {
  const exchange = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey({ name: "X25519" }, true, ["deriveBits"]));
  const signing = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]));
  const keys = {
    exchange: new Uint8Array(await crypto.subtle.exportKey("raw", exchange.publicKey)),
    signing: new Uint8Array(await crypto.subtle.exportKey("raw", signing.publicKey)),
  };
  return { keys, wraps: await wrapAll(unlocks, keys, { exchange: exchange.privateKey, signing: signing.privateKey }) };
}

/**
 * The private keys of `keys`.
 * @param {Wraps} wraps
 * @param {CryptoKey} unlock
 * @param {PublicKeys} keys
 * @returns {Promise<Identity>}
 */
export async function open(wraps, unlock, keys) {
  const { exchange, signing } = await unwrapBoth(wraps, unlock, keys, false);
  const publicKey = await crypto.subtle.importKey("raw", keys.exchange, { name: "X25519" }, true, []);
  return { exchange: { privateKey: exchange, publicKey }, signing, keys, fingerprint: await fingerprint(keys) };
}

/**
 * The same private keys under other unlock keys: for a new password or recovery code. No recording is touched.
 * @param {Wraps} wraps
 * @param {CryptoKey} unlock
 * @param {PublicKeys} keys
 * @param {CryptoKey[]} unlocks
 */
export async function rewrap(wraps, unlock, keys, unlocks) {
  return wrapAll(unlocks, keys, await unwrapBoth(wraps, unlock, keys, true));
}

/**
 * @param {CryptoKey[]} unlocks
 * @param {PublicKeys} keys
 * @param {Private} own extractable
 * @returns {Promise<Wraps[]>}
 */
async function wrapAll(unlocks, keys, own) {
  const name = await fingerprint(keys);
  const both = async (/** @type {CryptoKey} */ unlock) => ({
    exchange: await wrap(unlock, EXCHANGE, name, own.exchange),
    signing: await wrap(unlock, SIGNING, name, own.signing),
  });
  return Promise.all(unlocks.map(both));
}

/**
 * @param {Wraps} wraps
 * @param {CryptoKey} unlock
 * @param {PublicKeys} keys
 * @param {boolean} extractable
 * @returns {Promise<Private>}
 */
async function unwrapBoth(wraps, unlock, keys, extractable) {
  const name = await fingerprint(keys);
  const exchange = await unwrap(unlock, EXCHANGE, name, wraps.exchange, extractable);
  const signing = await unwrap(unlock, SIGNING, name, wraps.signing, extractable);
  if (!(await exchangeBelongs(exchange, keys.exchange)) || !(await signingBelongs(signing, keys.signing))) {
    throw new Refusal("other-keys");
  }
  return { exchange, signing };
}

/**
 * @param {CryptoKey} key
 * @param {Bytes} expected
 */
async function exchangeBelongs(key, expected) {
  const base = await crypto.subtle.importKey("raw", BASE_POINT, { name: "X25519" }, true, []);
  return equal(new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: base }, key, 256)), expected);
}

/**
 * @param {CryptoKey} key
 * @param {Bytes} expected
 */
async function signingBelongs(key, expected) {
  try {
    const verifying = await crypto.subtle.importKey("raw", expected, { name: "Ed25519" }, true, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, verifying, await crypto.subtle.sign({ name: "Ed25519" }, key, PROBE), PROBE);
  } catch {
    return false;
  }
}
