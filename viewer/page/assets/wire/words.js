// The small words of the format: labels, names, sessions.

import { Malformed, Reader } from "./bytes.js";

/** The version of the format that this page speaks. */
export const VERSION = 1;

/** The labels that every epoch has, by number. */
export const BUILT_IN = /** @type {const} */ ({ 8: "outside", 9: "face", 10: "whole-frame", 11: "metadata" });

const HIGHEST_LABEL = 11;

/**
 * @typedef {{ number: bigint, nonce: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer> }} Session number, 16 random bytes, and both
 *   as they stand in signed strings
 */

/**
 * @param {Reader} reader
 * @param {string} field
 */
export function readLabel(reader, field) {
  const label = reader.u8(field);
  if (label > HIGHEST_LABEL) throw new Malformed(field, "unknown");
  return label;
}

/**
 * @param {Reader} reader
 * @param {string} field
 */
export function readVersion(reader, field) {
  if (reader.u8(field) !== VERSION) throw new Malformed("version", "unknown");
}

/**
 * @param {Reader} reader
 * @param {string} field
 * @returns {Session}
 */
export function readSession(reader, field) {
  const at = reader.at;
  const number = reader.u64(field);
  const nonce = reader.take(field, 16);
  return { number, nonce, bytes: reader.bytes.subarray(at, at + 24) };
}

/**
 * Text of these bytes, each of which must be ASCII.
 * @param {Uint8Array} bytes
 */
export function latin(bytes) {
  return String.fromCharCode(...bytes);
}

/**
 * The name of a camera.
 * @param {Reader} reader
 */
export function readName(reader) {
  const name = latin(reader.short("camera name", 32));
  if (!/^[a-z0-9][a-z0-9._-]{2,31}$/.test(name)) throw new Malformed("camera name", "text");
  return name;
}

/**
 * @param {Session} a
 * @param {Session} b
 */
export function sameSession(a, b) {
  return a.number === b.number && a.bytes.every((byte, at) => byte === b.bytes[at]);
}
