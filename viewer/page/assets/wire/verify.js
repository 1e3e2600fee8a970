// Verifying: the only way to a verified record or frame, which is all that anything here shows.

import { Malformed, same } from "./bytes.js";
import { checkRegions, layerDigests, signedBytes } from "./frame.js";
import { decodeRecord, recordSignedBytes } from "./record.js";
import { holds, publicKey } from "./signature.js";
import { sameSession } from "./words.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./frame.js").Context} Context */
/** @typedef {import("./record.js").SignedRecord} SignedRecord */
/** @typedef {import("./record.js").EpochRecord} EpochRecord */

/**
 * @typedef {"malformed" | "weak-key" | "bad-signature" | "other-camera" | "other-session" | "other-group" | "other-record" | "no-key-frame" |
 *   "sequence" | "labels" | "chain" | "ended"} RefusalName
 */

/** Why something was not verified. Always the sender's fault, or that of whoever stood in between. */
export class Refusal extends Error {
  /** @param {RefusalName} name_ */
  constructor(name_) {
    super(name_);
    this.reason = name_;
  }

  /**
   * What was thrown, as a refusal; whatever is none is thrown on.
   * @param {unknown} error
   */
  static of(error) {
    if (error instanceof Refusal) return error;
    if (error instanceof Malformed) return new Refusal("malformed");
    throw error;
  }
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** @typedef {{ record: EpochRecord, digest: Uint8Array<ArrayBuffer>, key: CryptoKey, signed: SignedRecord }} VerifiedRecord */
/**
 * @typedef {{ frame: Frame, context: Context, digests: Uint8Array<ArrayBuffer>[], digest: Uint8Array<ArrayBuffer> }} VerifiedFrame a frame
 *   with what its signature says beyond its own bytes; `digest` is the next frame's predecessor
 */

/**
 * Verifies an epoch record of `camera`.
 * @param {SignedRecord} signed
 * @param {Uint8Array} camera
 * @returns {Promise<VerifiedRecord>}
 */
export async function verifyRecord(signed, camera) {
  const record = decodeRecord(signed.record);
  if (!same(record.camera, camera)) throw new Refusal("other-camera");
  const key = await publicKey(record.camera);
  if (!key) throw new Refusal("weak-key");
  const bytes = recordSignedBytes(signed);
  if (!(await holds(key, bytes, signed.signature))) throw new Refusal("bad-signature");
  return { record, digest: await sha256(bytes), key, signed };
}

/** A group as far as it was verified. Nothing in it changes: what follows a frame is another one. */
export class Group {
  /**
   * @param {VerifiedRecord} record
   * @param {Context} context
   * @param {(number | null)[]} labels of the key frame's layers
   * @param {bigint} sequence of the last frame
   * @param {Uint8Array<ArrayBuffer>} digest of the last frame
   * @param {boolean} ended
   */
  constructor(record, context, labels, sequence, digest, ended) {
    this.record = record;
    this.context = context;
    this.labels = labels;
    this.sequence = sequence;
    this.digest = digest;
    this.ended = ended;
  }

  /**
   * Verifies the key frame that opens a group. Whether its predecessor is the right one is for the caller to see.
   * @param {VerifiedRecord} record
   * @param {Frame} frame
   */
  static async open(record, frame) {
    const { context } = frame;
    if (!context) throw new Refusal("no-key-frame");
    const stated = record.record;
    if (!same(context.camera, stated.camera)) throw new Refusal("other-camera");
    if (!sameSession(context.session, stated.session)) throw new Refusal("other-session");
    if (!same(context.record, record.digest)) throw new Refusal("other-record");
    const labels = frame.layers.map((layer) => layer.label);
    if (!labels.every((label) => label === null || stated.labels.has(label))) throw new Refusal("labels");
    return new Group(record, context, labels, frame.sequence, context.previous, false).check(frame);
  }

  /**
   * Verifies the frame that follows.
   * @param {Frame} frame
   */
  async next(frame) {
    if (this.ended) throw new Refusal("ended");
    if (frame.flags.key || frame.group !== this.context.group) throw new Refusal("other-group");
    if (frame.sequence <= this.sequence) throw new Refusal("sequence");
    checkRegions(frame, this.context);
    const alike = frame.layers.length === this.labels.length && frame.layers.every((layer, at) => layer.label === this.labels[at]);
    if (!alike) throw new Refusal("labels");
    return this.check(frame);
  }

  /** @param {Frame} frame */
  async check(frame) {
    const digests = await layerDigests(frame);
    const signed = signedBytes(frame, this.context, digests, this.digest);
    const [held, digest] = await Promise.all([holds(this.record.key, signed, frame.signature), sha256(signed)]);
    if (!held) throw new Refusal("bad-signature");
    const group = new Group(this.record, this.context, this.labels, frame.sequence, digest, frame.flags.end);
    /** @type {VerifiedFrame} */
    const verified = { frame, context: this.context, digests, digest };
    return { group, verified };
  }
}
