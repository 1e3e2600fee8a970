// An identity file of `viewer keygen`: a viewer's keys without an account, wrapped under a password.
//
// The file names no costs: those of the password belong to the format's version, and a file that names any is refused.

import { base64 } from "../vendor/scure-base.js";
import { parse as parseToml } from "../vendor/smol-toml.js";
import { requireSound } from "./public.js";
import { Refusal } from "./refusal.js";
import { WRAPPED } from "./wrap.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

/**
 * @typedef {object} IdentityFile readable without the password, and not to be believed before it has been unlocked
 * @property {Bytes} salt
 * @property {import("./public.js").PublicKeys} keys
 * @property {import("./identity.js").Wraps} wraps
 */

/** No identity file is longer than this, in bytes. */
export const MAX_FILE = 4096;

const VERSION = 1n;

/**
 * Reads a file's bytes.
 * @param {Uint8Array} bytes
 * @returns {Promise<IdentityFile>}
 */
export async function parse(bytes) {
  if (bytes.length > MAX_FILE) throw new Refusal("not-an-identity", "too long");
  const file = toml(bytes);
  // The version first: a later one may have other fields.
  if (typeof file.version !== "bigint" || BigInt.asIntN(64, file.version) !== file.version) throw new Refusal("not-an-identity", "version");
  if (file.version !== VERSION) throw new Refusal("identity-version", String(file.version));
  only(file, ["version", "salt", "exchange", "signing"]);
  const exchange = pair(file.exchange, "exchange");
  const signing = pair(file.signing, "signing");
  const keys = { exchange: exchange.key, signing: signing.key };
  const salt = decoded(file.salt, 32, "salt");
  await requireSound(keys);
  return { salt, keys, wraps: { exchange: exchange.wrapped, signing: signing.wrapped } };
}

/**
 * @param {Uint8Array} bytes
 * @returns {Record<string, unknown>}
 */
function toml(bytes) {
  try {
    return parseToml(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), { integersAsBigInt: true });
  } catch {
    throw new Refusal("not-an-identity", "not TOML");
  }
}

/**
 * @param {unknown} table
 * @param {string} name
 */
function pair(table, name) {
  if (typeof table !== "object" || table === null || Array.isArray(table)) throw new Refusal("not-an-identity", name);
  const fields = /** @type {Record<string, unknown>} */ (table);
  only(fields, ["public", "wrapped"]);
  return { key: decoded(fields.public, 32, name), wrapped: decoded(fields.wrapped, WRAPPED, name) };
}

/**
 * @param {Record<string, unknown>} table
 * @param {string[]} names
 */
function only(table, names) {
  for (const name of Object.keys(table)) if (!names.includes(name)) throw new Refusal("not-an-identity", name);
}

/**
 * @param {unknown} text base64 in its one form
 * @param {number} length in bytes
 * @param {string} name
 * @returns {Bytes}
 */
function decoded(text, length, name) {
  if (typeof text === "string") {
    try {
      const bytes = base64.decode(text);
      if (bytes.length === length && base64.encode(bytes) === text) return bytes;
    } catch {
      // Not base64: refused below.
    }
  }
  throw new Refusal("not-an-identity", name);
}
