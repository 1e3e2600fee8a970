// A grant: one content key, wrapped for one viewer, bound to where it is good for.
//
//     suite u8 = 1 ‖ enc (32) ‖ encrypted content key (32) ‖ tag (16)          81 bytes
//     info = "celosia grant v1" ‖ camera (32) ‖ session (24) ‖ epoch u64 ‖ label (u8 length ‖ name) ‖ recipient (32)
//
// Suite 1 is HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, associated data empty. Base mode
// says nothing about who sent it: the epoch record's signature covers the list of grants.

import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "../vendor/hpke-core.js";
import { concat, equal, u64 } from "./bytes.js";
import { DOMAIN, take } from "./keys.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

/**
 * @typedef {object} Scope what a content key is good for
 * @property {Bytes} camera its id, 32 bytes
 * @property {Bytes} session number u64 ‖ 16 random bytes
 * @property {bigint} epoch
 * @property {number} label
 * @property {string} name that label's, which is what the grant is bound to
 */

/**
 * @typedef {object} Grant as it travels
 * @property {Bytes} recipient a fingerprint
 * @property {number} label
 * @property {Bytes} wrapped
 */

const SUITE = 1;
const ENC = 32;
const KEY = 32;
const TAG = 16;

/** How long a grant of suite 1 is, in bytes. A wire message carries none above 2048. */
export const LENGTH = 1 + ENC + KEY + TAG;

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

/**
 * Opens a grant that was given to `identity` for `scope`: the content key, as a secret to derive group secrets from.
 * @param {import("./identity.js").Identity} identity
 * @param {Grant} grant
 * @param {Scope} scope
 * @returns {Promise<CryptoKey>}
 */
export async function open(identity, grant, scope) {
  if (!equal(grant.recipient, identity.fingerprint)) throw new Refusal("grant-not-for-you");
  if (grant.label !== scope.label) throw new Refusal("grant-other-label");
  const { wrapped } = grant;
  if (wrapped.length === 0) throw new Refusal("grant-length", 0);
  if (wrapped[0] !== SUITE) throw new Refusal("grant-suite", wrapped[0]);
  if (wrapped.length !== LENGTH) throw new Refusal("grant-length", wrapped.length);
  const sender = { recipientKey: identity.exchange, enc: wrapped.slice(1, 1 + ENC).buffer, info: info(scope, identity.fingerprint).buffer };
  let key;
  try {
    key = await suite.open(sender, wrapped.slice(1 + ENC).buffer);
  } catch {
    throw new Refusal("grant-refused");
  }
  return take(new Uint8Array(key));
}

/**
 * HPKE's info for a scope and one recipient.
 * @param {Scope} scope
 * @param {Bytes} recipient
 */
export function info(scope, recipient) {
  const name = new TextEncoder().encode(scope.name);
  const sound = scope.camera.length === 32 && scope.session.length === 24 && name.length >= 1 && name.length <= 32;
  if (!sound) throw new Refusal("not-a-request");
  return concat(DOMAIN.grant, scope.camera, scope.session, u64(scope.epoch), Uint8Array.of(name.length), name, recipient);
}
