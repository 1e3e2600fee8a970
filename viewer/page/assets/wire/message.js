// What peers say to each other. Everything is read here, also what only a relay is told, so that Rust and this page agree about all of it.

import { Malformed, Reader, Writer, ascii } from "./bytes.js";
import { MAX_FRAME } from "./frame.js";
import { readGrantList, readGrants } from "./grants.js";
import { decodeReceipt } from "./receipt.js";
import { decodeSignedRecord } from "./record.js";
import { VERSION, readName } from "./words.js";

/** Why something was refused, by number. */
export const REASONS = /** @type {const} */ ([
  "", "version", "not-built", "malformed", "out-of-turn", "unknown-camera", "not-allowed", "too-many", "not-verified", "forked", "replaced",
  "stopping", "storage", "offline", "signed-out",
]);

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {{ from: bigint, to: bigint }} Range both in µs since 1970, both included */
/** @typedef {{ kind: "hello", version: number, ticket: Bytes | null, fingerprint: Bytes | null }} Hello */
/**
 * @typedef {{ kind: "subscribe", subscription: number, camera: string, sealed: boolean, range: Range | null, pace: number,
 *   keyFramesOnly: boolean }} Subscribe
 */
/** @typedef {{ kind: "camera", subscription: number, name: string, chain: Bytes[], crls: Bytes[] }} Camera */
/** @typedef {{ kind: "epoch-record", subscription: number, record: import("./record.js").SignedRecord }} RecordMessage */
/**
 * @typedef {{ kind: "grants", subscription: number, record: Bytes, list: import("./grants.js").GrantList,
 *   grants: import("./grants.js").Grant[] }} Grants
 */
/** @typedef {{ kind: "frame", subscription: number, session: bigint, frame: Bytes }} FrameMessage the frame is not read yet */
/**
 * @typedef {{ kind: "gap", subscription: number, session: bigint, first: bigint, last: bigint, cause: "slow" | "missing" }} Gap
 */
/** @typedef {{ kind: "refused", subscription: number, reason: typeof REASONS[number], text: string }} Refused */
/**
 * @typedef {Hello | Subscribe | Camera | RecordMessage | Grants | FrameMessage | Gap | Refused
 *   | { kind: "unsubscribe" | "end-of-range", subscription: number }
 *   | { kind: "publish", subscription: number, backfill: number }
 *   | { kind: "durable-ack", subscription: number, session: bigint, first: bigint, last: bigint }
 *   | { kind: "receipt", subscription: number, receipt: import("./receipt.js").SignedReceipt }
 *   | { kind: "audit-head", head: Bytes }} Message
 */

/**
 * Reads exactly one message. A frame's bytes are not read with it.
 * @param {Bytes} bytes
 * @returns {Message}
 */
export function decodeMessage(bytes) {
  const reader = new Reader(bytes);
  const kind = reader.u8("message kind");
  const message = read(kind, reader);
  if (!TO_THE_END.has(kind)) reader.end("message");
  return message;
}

/** Kinds whose last field goes to the message's end. */
const TO_THE_END = new Set([6, 8, 11, 14]);

/**
 * @param {number} kind
 * @param {Reader} reader
 * @returns {Message}
 */
function read(kind, reader) {
  const subscription = () => reader.u32("subscription");
  switch (kind) {
    case 1: return readHello(reader);
    case 2: return { kind: "publish", subscription: subscription(), backfill: subscription() };
    case 3: return readSubscribe(subscription(), reader);
    case 4: return { kind: "unsubscribe", subscription: subscription() };
    case 5: return {
      kind: "camera", subscription: subscription(), name: readName(reader),
      chain: readList(reader, "certificate", 4, 4096), crls: readList(reader, "revocation list", 2, 1 << 20),
    };
    case 6: return { kind: "epoch-record", subscription: subscription(), record: decodeSignedRecord(reader.rest()) };
    case 7: return {
      kind: "grants", subscription: subscription(), record: reader.take("grants", 32), list: readGrantList(reader), grants: readGrants(reader),
    };
    case 8: return readFrame(subscription(), reader);
    case 9: return readGap(subscription(), reader);
    case 10: return readDurableAck(subscription(), reader);
    case 11: return { kind: "receipt", subscription: subscription(), receipt: decodeReceipt(reader.rest()) };
    case 12: return { kind: "end-of-range", subscription: subscription() };
    case 13: return readRefused(subscription(), reader);
    case 14: {
      if (reader.remaining > 1024) throw new Malformed("audit head", "too-long");
      return { kind: "audit-head", head: reader.rest() };
    }
    default: throw new Malformed("message kind", "unknown");
  }
}

/**
 * @param {Reader} reader
 * @returns {Hello}
 */
function readHello(reader) {
  const version = reader.u8("version");
  const ticket = reader.short("ticket", 64);
  const fingerprint = reader.short("fingerprint", 32);
  if (fingerprint.length !== 0 && fingerprint.length !== 32) throw new Malformed("fingerprint", "contradiction");
  return { kind: "hello", version, ticket: ticket.length ? ticket : null, fingerprint: fingerprint.length ? fingerprint : null };
}

/**
 * @param {number} subscription
 * @param {Reader} reader
 * @returns {Subscribe}
 */
function readSubscribe(subscription, reader) {
  const camera = readName(reader);
  const sealed = readChoice(reader, "layers") === 1;
  const range = readChoice(reader, "span") === 1 ? { from: reader.u64("from"), to: reader.u64("to") } : null;
  if (range && range.from > range.to) throw new Malformed("span", "contradiction");
  const pace = reader.u16("pace");
  const keyFramesOnly = readChoice(reader, "key frames only") === 1;
  return { kind: "subscribe", subscription, camera, sealed, range, pace, keyFramesOnly };
}

/**
 * 0 or 1.
 * @param {Reader} reader
 * @param {string} field
 */
function readChoice(reader, field) {
  const choice = reader.u8(field);
  if (choice > 1) throw new Malformed(field, "unknown");
  return choice;
}

/**
 * @param {Reader} reader
 * @param {string} field
 * @param {number} most
 * @param {number} cap
 */
function readList(reader, field, most, cap) {
  return Array.from({ length: reader.count(field, most) }, () => reader.long(field, cap));
}

/**
 * @param {number} subscription
 * @param {Reader} reader
 * @returns {FrameMessage}
 */
function readFrame(subscription, reader) {
  const session = reader.u64("session");
  if (reader.remaining > MAX_FRAME) throw new Malformed("frame", "too-long");
  return { kind: "frame", subscription, session, frame: reader.rest() };
}

/**
 * @param {number} subscription
 * @param {Reader} reader
 * @returns {Gap}
 */
function readGap(subscription, reader) {
  const [session, first, last] = [reader.u64("gap"), reader.u64("gap"), reader.u64("gap")];
  const cause = reader.u8("gap");
  if (cause !== 1 && cause !== 2) throw new Malformed("gap", "unknown");
  if (first > last) throw new Malformed("gap", "contradiction");
  return { kind: "gap", subscription, session, first, last, cause: cause === 1 ? "slow" : "missing" };
}

/**
 * @param {number} subscription
 * @param {Reader} reader
 * @returns {Message}
 */
function readDurableAck(subscription, reader) {
  const [session, first, last] = [reader.u64("durable ack"), reader.u64("durable ack"), reader.u64("durable ack")];
  if (first > last) throw new Malformed("durable ack", "contradiction");
  return { kind: "durable-ack", subscription, session, first, last };
}

/**
 * @param {number} subscription
 * @param {Reader} reader
 * @returns {Refused}
 */
function readRefused(subscription, reader) {
  const reason = REASONS[reader.u16("reason")];
  if (!reason) throw new Malformed("reason", "unknown");
  const bytes = reader.short("text", 255);
  return { kind: "refused", subscription, reason, text: readText(bytes) };
}

/**
 * Text for people: nothing in it controls the page, breaks its line, or turns the direction of writing.
 * @param {Bytes} bytes
 */
function readText(bytes) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Malformed("text", "text");
  }
  if (/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/.test(text)) throw new Malformed("text", "text");
  return text;
}

/**
 * The greeting of a viewer.
 * @param {Bytes | null} ticket from the API
 * @param {Bytes | null} fingerprint of the key whose grants are wanted
 */
export function encodeHello(ticket = null, fingerprint = null) {
  const out = new Writer(4 + (ticket?.length ?? 0) + (fingerprint?.length ?? 0));
  out.u8(1);
  out.u8(VERSION);
  for (const field of [ticket, fingerprint]) {
    out.u8(field?.length ?? 0);
    if (field) out.put(field);
  }
  return out.done();
}

/**
 * What a viewer wants.
 * @param {Omit<Subscribe, "kind">} wanted
 */
export function encodeSubscribe({ subscription, camera, sealed, range, pace, keyFramesOnly }) {
  const out = new Writer(64 + camera.length);
  out.u8(3);
  out.u32(subscription);
  out.u8(camera.length);
  out.put(ascii(camera));
  out.u8(sealed ? 1 : 0);
  out.u8(range ? 1 : 0);
  if (range) {
    out.u64(range.from);
    out.u64(range.to);
  }
  out.u16(pace);
  out.u8(keyFramesOnly ? 1 : 0);
  return out.done();
}

/** @param {number} subscription that is wanted no more */
export function encodeUnsubscribe(subscription) {
  const out = new Writer(5);
  out.u8(4);
  out.u32(subscription);
  return out.done();
}
