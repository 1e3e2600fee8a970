// A viewer's public keys as people pass them on: a line to paste, and a fingerprint to compare aloud.
//
//     "celosia1" ‖ base32 (RFC 4648, lower case, no padding) of
//     version u8 = 1 ‖ X25519 (32) ‖ Ed25519 (32) ‖ first 4 of SHA-256 of what precedes          119 characters

import { ed25519 } from "../vendor/noble-ed25519.js";
import { base32nopad, hex } from "../vendor/scure-base.js";
import { concat, equal, sha256 } from "./bytes.js";
import { DOMAIN } from "./keys.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{ exchange: Bytes, signing: Bytes }} PublicKeys X25519 and Ed25519, 32 bytes each */

const PREFIX = "celosia1";
const VERSION = 1;
const KEY = 32;
const CHECKSUM = 4;
const CHARACTERS = 119;

/** 2^255 − 19, the most significant byte first. */
const PRIME = Uint8Array.from({ length: KEY }, (_, at) => (at === 0 ? 0x7f : at === KEY - 1 ? 0xed : 0xff));

/**
 * What both keys are called in short; also the recipient of their grants.
 * @param {PublicKeys} keys
 */
export function fingerprint(keys) {
  return sha256(DOMAIN.viewer, keys.exchange, keys.signing);
}

/**
 * A fingerprint for two people to compare: 16 groups of 4 hexadecimal digits.
 * @param {Bytes} fingerprint
 */
export function spoken(fingerprint) {
  return (hex.encode(fingerprint).match(/.{4}/g) ?? []).join(" ");
}

/**
 * The line that goes to a camera's owner.
 * @param {PublicKeys} keys
 */
export async function line(keys) {
  const body = concat(Uint8Array.of(VERSION), keys.exchange, keys.signing);
  return PREFIX + base32nopad.encode(concat(body, await checksum(body))).toLowerCase();
}

/**
 * Reads such a line.
 * @param {string} pasted
 * @returns {Promise<PublicKeys>}
 */
export async function parse(pasted) {
  const text = pasted.trim();
  if (!text.startsWith(PREFIX) || /[A-Z]/.test(text)) throw new Refusal("public-text");
  const body = text.slice(PREFIX.length).toUpperCase();
  if (text.length !== CHARACTERS || !/^[A-Z2-7]*$/.test(body)) throw new Refusal("public-checksum");
  let bytes;
  try {
    bytes = base32nopad.decode(body);
  } catch {
    throw new Refusal("public-checksum");
  }
  const inside = bytes.slice(0, -CHECKSUM);
  if (!equal(await checksum(inside), bytes.subarray(-CHECKSUM))) throw new Refusal("public-checksum");
  if (inside[0] !== VERSION) throw new Refusal("public-version", inside[0]);
  const keys = { exchange: inside.slice(1, 1 + KEY), signing: inside.slice(1 + KEY) };
  await requireSound(keys);
  return keys;
}

/**
 * Refuses keys of low order, and those that are not in their one form.
 * @param {PublicKeys} keys
 */
export async function requireSound(keys) {
  if (!(await exchangeIsSound(keys.exchange)) || !signingIsSound(keys.signing)) throw new Refusal("weak-key");
}

/**
 * Below 2^255 − 19, and of an order that any private key of ours brings to something else than zero.
 * @param {Bytes} key
 */
async function exchangeIsSound(key) {
  if (key.length !== KEY) return false;
  const mostSignificantFirst = key.slice().reverse();
  const differs = PRIME.findIndex((byte, at) => byte !== mostSignificantFirst[at]);
  if (differs < 0 || mostSignificantFirst[differs] > PRIME[differs]) return false;
  const any = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveBits"]));
  try {
    const other = await crypto.subtle.importKey("raw", key, { name: "X25519" }, true, []);
    const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: other }, any.privateKey, 256));
    return shared.some((byte) => byte !== 0);
  } catch {
    return false;
  }
}

/** @param {Bytes} key */
function signingIsSound(key) {
  try {
    return !ed25519.Point.fromBytes(key).isSmallOrder();
  } catch {
    return false;
  }
}

/** @param {Bytes} body */
async function checksum(body) {
  return (await sha256(body)).subarray(0, CHECKSUM);
}
