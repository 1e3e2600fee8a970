// The epoch record: what a camera says once about a stretch of groups, and the session's link to the one before.

import { Malformed, Reader, ascii, concat } from "./bytes.js";
import { BUILT_IN, latin, readSession, readVersion } from "./words.js";

/** @typedef {import("./words.js").Session} Session */

const MAX_RECORD = 2048;
const SIGNATURE = 64;
const MAX_LABELS = 8;
const MAX_OWNERS = 16;
const DOMAIN = ascii("celosia epoch v1");

/** Where pictures come from, by number. */
const SOURCES = /** @type {const} */ ({ 1: "webcam", 2: "y4m", 3: "pictures", 4: "sample", 5: "rtsp", 6: "stills" });

/** @typedef {{ session: Session, sequence: bigint, digest: Uint8Array<ArrayBuffer> }} LastFrame the last that a session is known to have had */
/** @typedef {{ kind: "first", last: null } | { kind: "ended" | "broken", last: LastFrame }} Link how a session knows the one before it */
/**
 * @typedef {{ camera: Uint8Array<ArrayBuffer>, session: Session, link: Link, epoch: bigint,
 *   source: typeof SOURCES[keyof typeof SOURCES], labels: Map<number, string>, detector: string,
 *   owners: { exchange: Uint8Array<ArrayBuffer>, signing: Uint8Array<ArrayBuffer> }[], viewersVersion: bigint,
 *   viewersDigest: Uint8Array<ArrayBuffer>, grants: Uint8Array<ArrayBuffer> }} EpochRecord
 */
/** @typedef {{ record: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer> }} SignedRecord the form that travels; the record is not read yet */

/**
 * Splits a record from its signature.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {SignedRecord}
 */
export function decodeSignedRecord(bytes) {
  if (bytes.length > MAX_RECORD) throw new Malformed("epoch record", "too-long");
  if (bytes.length < SIGNATURE) throw new Malformed("epoch record", "truncated");
  const at = bytes.length - SIGNATURE;
  return { record: bytes.subarray(0, at), signature: bytes.subarray(at) };
}

/**
 * The bytes under the signature; their SHA-256 is what group contexts name.
 * @param {SignedRecord} signed
 */
export function recordSignedBytes(signed) {
  return concat(DOMAIN, signed.record);
}

/**
 * Reads exactly one record.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {EpochRecord}
 */
export function decodeRecord(bytes) {
  const field = "epoch record";
  const reader = new Reader(bytes);
  readVersion(reader, field);
  const camera = reader.take(field, 32);
  const session = readSession(reader, field);
  const link = readLink(reader);
  const epoch = reader.u64(field);
  const source = SOURCES[/** @type {keyof typeof SOURCES} */ (reader.u8("source kind"))];
  if (source === undefined) throw new Malformed("source kind", "unknown");
  const labels = readLabels(reader);
  const detector = readDetector(reader);
  const count = reader.count("owners", MAX_OWNERS);
  const owners = Array.from({ length: count }, () => ({ exchange: reader.take("owners", 32), signing: reader.take("owners", 32) }));
  const viewersVersion = reader.u64(field);
  const viewersDigest = reader.take(field, 32);
  const grants = reader.take(field, 32);
  reader.end(field);
  // A session never follows itself or a later one.
  if (link.last && link.last.session.number >= session.number) throw new Malformed("previous session", "contradiction");
  return { camera, session, link, epoch, source, labels, detector, owners, viewersVersion, viewersDigest, grants };
}

/**
 * @param {Reader} reader
 * @returns {Link}
 */
function readLink(reader) {
  const field = "previous session";
  const kind = reader.u8(field);
  const at = reader.at;
  const last = { session: readSession(reader, field), sequence: reader.u64(field), digest: reader.take(field, 32) };
  if (kind === 1) return { kind: "ended", last };
  if (kind === 2) return { kind: "broken", last };
  if (kind !== 0) throw new Malformed(field, "unknown");
  if (reader.bytes.subarray(at, reader.at).some((byte) => byte !== 0)) throw new Malformed(field, "contradiction");
  return { kind: "first", last: null };
}

/** @param {Reader} reader */
function readLabels(reader) {
  const field = "label names";
  const names = Array.from({ length: reader.count(field, MAX_LABELS) }, () => {
    const name = latin(reader.short(field, 32));
    if (!/^[a-z0-9-]{1,32}$/.test(name)) throw new Malformed(field, "text");
    return name;
  });
  const builtIn = Object.entries(BUILT_IN).map(([number, name]) => /** @type {[number, string]} */ ([Number(number), name]));
  const all = new Map([...names.entries(), ...builtIn]);
  if (new Set(all.values()).size !== all.size) throw new Malformed(field, "contradiction");
  return all;
}

/** @param {Reader} reader */
function readDetector(reader) {
  const bytes = reader.short("detector", 64);
  if (bytes.some((byte) => byte < 0x20 || byte >= 0x7f)) throw new Malformed("detector", "text");
  return latin(bytes);
}
