// Grants as they travel: which content key was wrapped for whom.

import { Malformed, Reader, compareBytes } from "./bytes.js";
import { readLabel } from "./words.js";

const MAX_GRANTS = 4096;
const MAX_GRANT = 2048;

/** @typedef {{ recipient: Uint8Array<ArrayBuffer>, label: number, digest: Uint8Array<ArrayBuffer> }} Entry that a grant exists */
/** @typedef {{ recipient: Uint8Array<ArrayBuffer>, label: number, wrapped: Uint8Array<ArrayBuffer> }} Grant */
/** @typedef {{ entries: Entry[], wire: Uint8Array<ArrayBuffer> }} GrantList every grant of an epoch by name; the record names its digest */

/**
 * @param {Reader} reader
 * @param {string} field
 */
function readCount(reader, field) {
  const count = reader.u32(field);
  if (count > MAX_GRANTS) throw new Malformed(field, "too-long");
  return count;
}

/**
 * Sorted by recipient, then label, none twice.
 * @param {Reader} reader
 * @returns {GrantList}
 */
export function readGrantList(reader) {
  const field = "grant list";
  const at = reader.at;
  const count = readCount(reader, field);
  /** @type {Entry[]} */
  const entries = [];
  for (let number = 0; number < count; number += 1) {
    const entry = { recipient: reader.take(field, 32), label: readLabel(reader, field), digest: reader.take(field, 32) };
    const last = entries.at(-1);
    const order = last ? compareBytes(last.recipient, entry.recipient) || last.label - entry.label : -1;
    if (order >= 0) throw new Malformed(field, "contradiction");
    entries.push(entry);
  }
  return { entries, wire: reader.bytes.subarray(at, reader.at) };
}

/**
 * A list alone.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export function decodeGrantList(bytes) {
  const reader = new Reader(bytes);
  const list = readGrantList(reader);
  reader.end("grant list");
  return list;
}

/**
 * @param {Reader} reader
 * @returns {Grant[]}
 */
export function readGrants(reader) {
  const field = "grant";
  const count = readCount(reader, field);
  /** @type {Grant[]} */
  const grants = [];
  for (let number = 0; number < count; number += 1) {
    grants.push({ recipient: reader.take(field, 32), label: readLabel(reader, field), wrapped: reader.long(field, MAX_GRANT) });
  }
  return grants;
}
