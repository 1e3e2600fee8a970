// A recovery code: what opens an account when its password is forgotten. It is random, so nothing has to be stretched.
//
//     base32 (RFC 4648, no padding) in 8 groups of 4, of
//     code (16) ‖ first 4 of SHA-256("celosia recovery checksum v1" ‖ code)

import { base32nopad } from "../vendor/scure-base.js";
import { concat, equal, erase, sha256 } from "./bytes.js";
import { DOMAIN, bits, take, unlockKey } from "./keys.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

const CODE = 16;
const CHECKSUM = 4;
const CHARACTERS = 32;

/** A new one: 128 random bits. The caller erases them. */
export function random() {
  return crypto.getRandomValues(new Uint8Array(CODE));
}

/**
 * The code as text, to be shown once.
 * @param {Bytes} code
 */
export async function reveal(code) {
  const bytes = concat(code, await checksum(code));
  const text = base32nopad.encode(bytes);
  erase(bytes);
  return (text.match(/.{4}/g) ?? []).join("-");
}

/**
 * What was typed: upper or lower case, grouped in any way. 0, 1 and 8 are read as O, I and B, which they are mistaken for. The caller
 * erases what comes back.
 * @param {string} typed
 * @returns {Promise<Bytes>}
 */
export async function parse(typed) {
  const characters = typed.replace(/[-\t\n\f\r ]/g, "").replace(/[a-z]/g, (letter) => letter.toUpperCase());
  const text = characters.replace(/[018]/g, (digit) => ({ 0: "O", 1: "I", 8: "B" })[digit] ?? digit);
  if (text.length !== CHARACTERS || !/^[A-Z2-7]*$/.test(text)) throw new Refusal("not-a-code");
  const bytes = base32nopad.decode(text);
  const code = bytes.slice(0, CODE);
  const sound = equal(await checksum(code), bytes.subarray(CODE));
  erase(bytes);
  if (sound) return code;
  erase(code);
  throw new Refusal("not-a-code");
}

/**
 * The code's two secrets; the code is erased.
 * @param {Bytes} code
 * @returns {Promise<import("./password.js").Stretched>}
 */
export async function secrets(code) {
  const secret = await take(code);
  return { signInSecret: await bits(secret, DOMAIN.recoverySignIn), unlock: await unlockKey(secret, DOMAIN.recoveryUnlock) };
}

/** @param {Bytes} code */
async function checksum(code) {
  return (await sha256(DOMAIN.recoveryChecksum, code)).subarray(0, CHECKSUM);
}
