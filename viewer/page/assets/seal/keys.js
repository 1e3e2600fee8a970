// The whole hierarchy of keys on one page; `seal/KEYS.md` draws it. Every arrow is HKDF-SHA256 (RFC 5869) without salt, its info the
// domain string and what stands behind it, 32 bytes out.
//
// A key is a `CryptoKey` that cannot be exported wherever WebCrypto allows it. Where bytes have to pass through JavaScript on their way
// from one to the next, they are erased in the same function.

import { concat, erase, u64 } from "./bytes.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

/** The strings that keep one use of a key apart from every other. ASCII, no terminator. */
export const DOMAIN = Object.freeze({
  group: "celosia group v1",
  layer: "celosia layer v1",
  commitment: "celosia commitment v1",
  grant: "celosia grant v1",
  salt: "celosia salt v1",
  signIn: "celosia sign-in v1",
  unlock: "celosia unlock v1",
  recoverySignIn: "celosia recovery sign-in v1",
  recoveryUnlock: "celosia recovery unlock v1",
  recoveryChecksum: "celosia recovery checksum v1",
  wrap: "celosia wrap v1",
  viewer: "celosia viewer v1",
});

/**
 * A secret from which others are derived; the bytes are erased.
 * @param {Bytes} secret
 * @returns {Promise<CryptoKey>}
 */
export async function take(secret) {
  try {
    return await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits", "deriveKey"]);
  } finally {
    erase(secret);
  }
}

/**
 * @param {string} domain
 * @param {Uint8Array} [context]
 */
function hkdf(domain, context = new Uint8Array()) {
  return { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: concat(domain, context) };
}

/**
 * 32 bytes from a secret. Whoever asks for them erases them.
 * @param {CryptoKey} from
 * @param {string} domain
 * @param {Uint8Array} [context]
 */
export async function bits(from, domain, context) {
  return new Uint8Array(await crypto.subtle.deriveBits(hkdf(domain, context), from, 256));
}

/**
 * The secret of one group.
 * @param {CryptoKey} contentKey
 * @param {bigint} group
 */
export async function groupSecret(contentKey, group) {
  return take(await bits(contentKey, DOMAIN.group, u64(group)));
}

/**
 * The key of a group's layers (AES-256, FIPS 197).
 * @param {CryptoKey} secret of the group
 */
export function layerKey(secret) {
  return crypto.subtle.deriveKey(hkdf(DOMAIN.layer), secret, { name: "AES-CTR", length: 256 }, false, ["decrypt"]);
}

/**
 * What the group's first layer commits to. Public.
 * @param {CryptoKey} secret of the group
 */
export function commitment(secret) {
  return bits(secret, DOMAIN.commitment);
}

/**
 * The key that unwraps a viewer's private keys.
 * @param {CryptoKey} from a master, or a recovery code
 * @param {string} domain
 */
export function unlockKey(from, domain) {
  return crypto.subtle.deriveKey(hkdf(domain), from, { name: "AES-GCM", length: 256 }, false, ["encrypt", "wrapKey", "unwrapKey"]);
}
