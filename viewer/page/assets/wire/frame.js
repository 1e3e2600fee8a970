// A frame: one capture instant, its public layer, its sealed layers, and the header under the signature.

import { Malformed, Reader, Writer, ascii } from "./bytes.js";
import { readLabel, readSession, readVersion } from "./words.js";

/** @typedef {import("./words.js").Session} Session */

/** No frame is longer than this on the wire. */
export const MAX_FRAME = 64 << 20;
const MAX_LAYERS = 13;
const MAX_REGIONS = 255;
const SIGNATURE = 64;
const CONTEXT = 134;
const REGION = 11;
const DOMAIN = ascii("celosia frame v1");

/** @typedef {"jpeg" | "h264" | "png"} Codec */
/** @type {Record<number, Codec>} */
const CODECS = { 1: "jpeg", 2: "h264", 3: "png" };
/** @type {Record<Codec, number>} */
const GRID = { jpeg: 16, h264: 16, png: 1 };

/** What the detector said about a frame, by number. */
export const DETECTOR = /** @type {const} */ (["off", "ready", "warming", "late", "failed", "missing"]);

const KEY = 1;
const END = 2;
const FAIL_CLOSED = 4;

/** @typedef {{ key: boolean, end: boolean, failClosed: boolean, detector: typeof DETECTOR[number] }} Flags */
/** @typedef {{ label: number, x: number, y: number, w: number, h: number, track: number }} Region in pixels of the luma plane */
/**
 * @typedef {{ label: number | null, bytes: Uint8Array<ArrayBuffer> | null, hashed: Uint8Array<ArrayBuffer> | null,
 *   digest: Uint8Array<ArrayBuffer> | null }} Layer `label` is null for the public one. Where it is here: its bytes, and the length with the bytes,
 *   which its digest is of; where it was withheld: the digest
 */
/**
 * @typedef {{ camera: Uint8Array<ArrayBuffer>, session: Session, group: bigint, codec: Codec, width: number, height: number,
 *   record: Uint8Array<ArrayBuffer>, previous: Uint8Array<ArrayBuffer>, wire: Uint8Array<ArrayBuffer> }} Context what all frames of a group share
 */
/**
 * @typedef {{ context: Context | null, flags: Flags, group: bigint, sequence: bigint, capturedAt: bigint, regions: Region[],
 *   layers: Layer[], signature: Uint8Array<ArrayBuffer>, wire: Uint8Array<ArrayBuffer> }} Frame well-formed; nobody has verified it
 */

/**
 * Reads exactly one frame. Its layers share the memory of `bytes`.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Frame}
 */
export function decodeFrame(bytes) {
  if (bytes.length > MAX_FRAME) throw new Malformed("frame", "too-long");
  const reader = new Reader(bytes);
  const flags = readFlags(reader.u16("flags"));
  const context = flags.key ? readContext(reader) : null;
  const group = reader.u64("group");
  const sequence = reader.u64("sequence");
  const capturedAt = reader.u64("captured at");
  const regions = Array.from({ length: reader.count("regions", MAX_REGIONS) }, () => readRegion(reader));
  const layers = Array.from({ length: reader.count("layers", MAX_LAYERS) }, () => readLayer(reader));
  const signature = reader.take("signature", SIGNATURE);
  reader.end("frame");
  const frame = { context, flags, group, sequence, capturedAt, regions, layers, signature, wire: bytes };
  check(frame);
  return frame;
}

/**
 * @param {number} word
 * @returns {Flags}
 */
function readFlags(word) {
  const detector = DETECTOR[(word >> 3) & 7];
  if (detector === undefined) throw new Malformed("detector state", "unknown");
  if (word >> 6) throw new Malformed("flags", "unknown");
  const flags = { key: (word & KEY) !== 0, end: (word & END) !== 0, failClosed: (word & FAIL_CLOSED) !== 0, detector };
  if (flags.end && !flags.key) throw new Malformed("flags", "contradiction");
  return flags;
}

/**
 * @param {Reader} reader
 * @returns {Context}
 */
function readContext(reader) {
  const field = "group context";
  const at = reader.at;
  readVersion(reader, field);
  const camera = reader.take(field, 32);
  const session = readSession(reader, field);
  const group = reader.u64(field);
  const codec = CODECS[reader.u8("codec")];
  if (codec === undefined) throw new Malformed("codec", "unknown");
  const width = reader.u16("width");
  const height = reader.u16("height");
  const record = reader.take(field, 32);
  const previous = reader.take(field, 32);
  if (width === 0 || height === 0) throw new Malformed("width × height", "contradiction");
  return { camera, session, group, codec, width, height, record, previous, wire: reader.bytes.subarray(at, at + CONTEXT) };
}

/**
 * @param {Reader} reader
 * @returns {Region}
 */
function readRegion(reader) {
  const field = "region";
  const label = readLabel(reader, field);
  const [x, y, w, h, track] = Array.from({ length: 5 }, () => reader.u16(field));
  return { label, x, y, w, h, track };
}

/**
 * @param {Reader} reader
 * @returns {Layer}
 */
function readLayer(reader) {
  const [kind, label] = reader.take("layer kind", 2);
  const isPublic = kind === 0 && label === 0;
  if (!isPublic && (kind !== 1 || label > 11)) throw new Malformed("layer kind", "unknown");
  const layer = { label: isPublic ? null : label, bytes: null, hashed: null, digest: null };
  const present = reader.u8("layer");
  if (present === 0) return { ...layer, digest: reader.take("layer", 32) };
  if (present !== 1) throw new Malformed("layer", "unknown");
  const at = reader.at;
  const bytes = reader.long("layer", MAX_FRAME);
  return { ...layer, bytes, hashed: reader.bytes.subarray(at, reader.at) };
}

/**
 * What can be said without the group's context.
 * @param {Frame} frame
 */
function check(frame) {
  const { context, layers, regions } = frame;
  if (context) {
    if (context.group !== frame.group) throw new Malformed("group", "contradiction");
    // Only a session's first group has nothing before it.
    const nothing = context.previous.every((byte) => byte === 0);
    if ((context.group === 0n) !== nothing) throw new Malformed("previous frame", "contradiction");
    checkRegions(frame, context);
  }
  if (frame.flags.end) {
    if (layers.length > 0 || regions.length > 0) throw new Malformed("end of session", "contradiction");
    return;
  }
  const order = layers.map((layer) => layer.label ?? -1);
  if (order[0] !== -1 || order.some((label, at) => at > 0 && label <= order[at - 1])) throw new Malformed("layers", "contradiction");
  // Every region must have a sealed layer to hold its originals, and every hidden pixel belongs to one label.
  if (regions.some((region) => !order.includes(region.label)) || overlap(regions)) throw new Malformed("regions", "contradiction");
}

/**
 * That every region lies in the picture and on the codec's grid.
 * @param {Frame} frame
 * @param {Context} context
 */
export function checkRegions(frame, context) {
  const grid = GRID[context.codec];
  const on = (/** @type {number} */ value, /** @type {number} */ edge) => value % grid === 0 || value === edge;
  const fits = (/** @type {Region} */ region) =>
    region.w > 0 && region.h > 0 && region.x + region.w <= context.width && region.y + region.h <= context.height &&
    region.x % grid === 0 && region.y % grid === 0 &&
    on(region.x + region.w, context.width) && on(region.y + region.h, context.height);
  if (!frame.regions.every(fits)) throw new Malformed("regions", "contradiction");
}

/** @param {Region[]} regions */
function overlap(regions) {
  const share = (/** @type {Region} */ a, /** @type {Region} */ b) =>
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  return regions.some((one, at) => regions.slice(at + 1).some((other) => share(one, other)));
}

/**
 * Each layer's digest, in order: SHA-256 of length and bytes, or what came in their place.
 * @param {Frame} frame
 */
export function layerDigests(frame) {
  return Promise.all(frame.layers.map(async (layer) => {
    if (layer.digest) return layer.digest;
    return new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {Uint8Array<ArrayBuffer>} */ (layer.hashed)));
  }));
}

/**
 * The bytes under the signature: the same whether layers are here or withheld.
 * @param {Frame} frame
 * @param {Context} context the group's
 * @param {Uint8Array[]} digests the layers', in order
 * @param {Uint8Array} previous digest of the frame before
 */
export function signedBytes(frame, context, digests, previous) {
  const { regions, layers } = frame;
  const out = new Writer(DOMAIN.length + CONTEXT + 28 + REGION * regions.length + 34 * layers.length + 32);
  out.put(DOMAIN);
  out.put(context.wire);
  out.put(frame.wire.subarray(0, 2));
  out.u64(frame.group);
  out.u64(frame.sequence);
  out.u64(frame.capturedAt);
  out.u8(regions.length);
  for (const region of regions) {
    out.u8(region.label);
    for (const value of [region.x, region.y, region.w, region.h, region.track]) out.u16(value);
  }
  out.u8(layers.length);
  layers.forEach((layer, at) => {
    out.u8(layer.label === null ? 0 : 1);
    out.u8(layer.label ?? 0);
    out.put(digests[at]);
  });
  out.put(previous);
  return out.done();
}
