// From a password to the two secrets that it stands for. What it costs to guess one belongs to the version of the format: no file and no
// relay can lower it.

import { scryptAsync } from "../vendor/noble-scrypt.js";
import { erase, sha256 } from "./bytes.js";
import { DOMAIN, bits, take, unlockKey } from "./keys.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{ signInSecret: Bytes, unlock: CryptoKey }} Stretched The first is for the relay, the second stays here. */

/** How long a password may be, in bytes of UTF-8. */
export const MAX_BYTES = 1024;

/** Version 1: PBKDF2-HMAC-SHA256 (RFC 8018), then scrypt (RFC 7914; 128 MiB). */
const ROUNDS = 600_000;
const SCRYPT = Object.freeze({ N: 2 ** 17, r: 8, p: 1, dkLen: 32 });

/**
 * An account's salt. Nobody has to be asked for it, so nobody can hand out a weak one.
 * @param {string} host as the address bar shows it (`location.hostname`)
 * @param {string} account
 */
export async function accountSalt(host, account) {
  if (!isCanonical(host)) throw new Refusal("not-a-host");
  if (!/^[a-z0-9][a-z0-9._-]{2,31}$/.test(account)) throw new Refusal("not-a-name");
  return sha256(DOMAIN.salt, "\0", host, "\0", account);
}

/**
 * A host in the form that a salt is made of: lower case, A-labels, no port.
 * @param {string} host
 */
function isCanonical(host) {
  if (host.startsWith("[")) {
    // Text forms differ for addresses that embed one of IPv4; nobody needs these here.
    return URL.canParse(`https://${host}/`) && new URL(`https://${host}/`).hostname === host && !host.startsWith("[::ffff:");
  }
  return host.length <= 253 && host.split(".").every((part) => /^[a-z0-9_-]+$/.test(part));
}

/**
 * What was typed, in the one form that is stretched: NFC, so that it is the same however the accents were typed.
 * @param {string} typed
 * @returns {string}
 */
export function normalised(typed) {
  if (typed === "") throw new Refusal("password-empty");
  // Half a character, which UTF-8 cannot carry: two different ones would become the same.
  if (/\p{Surrogate}/u.test(typed)) throw new Refusal("password-not-text");
  const bytes = new TextEncoder().encode(typed);
  const { length } = bytes;
  erase(bytes);
  if (length > MAX_BYTES) throw new Refusal("password-too-long", MAX_BYTES);
  return typed.normalize("NFC");
}

/**
 * Stretches a password: about a second and 128 MiB, on purpose.
 * @param {string} typed
 * @param {Bytes} salt
 * @param {(part: number) => void} [onProgress] from 0 to 1
 * @returns {Promise<Stretched>}
 */
export async function stretch(typed, salt, onProgress) {
  const secret = await take(await master(typed, salt, onProgress));
  return { signInSecret: await bits(secret, DOMAIN.signIn), unlock: await unlockKey(secret, DOMAIN.unlock) };
}

/**
 * Whoever has this can sign in and unlock. The caller erases it.
 * @param {string} typed
 * @param {Bytes} salt
 * @param {(part: number) => void} [onProgress]
 * @returns {Promise<Bytes>}
 */
export async function master(typed, salt, onProgress) {
  const text = new TextEncoder().encode(normalised(typed));
  let stretched = new Uint8Array();
  try {
    const key = await crypto.subtle.importKey("raw", text, "PBKDF2", false, ["deriveBits"]);
    const cost = { name: "PBKDF2", hash: "SHA-256", iterations: ROUNDS, salt };
    stretched = new Uint8Array(await crypto.subtle.deriveBits(cost, key, 256));
    return await scryptAsync(stretched, salt, { ...SCRYPT, onProgress });
  } finally {
    erase(text, stretched);
  }
}
