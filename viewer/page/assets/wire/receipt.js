// Receipts: the relay's signed word that it had these frames at that time.

import { Reader, ascii, concat } from "./bytes.js";
import { holds, publicKey } from "./signature.js";

const DOMAIN = ascii("celosia receipt v1");
const LENGTH = 88;

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/**
 * @typedef {{ camera: Bytes, segment: bigint, leaves: bigint, head: Bytes, receivedAt: bigint, receipt: Bytes, signature: Bytes }} SignedReceipt
 *   `receipt` are the bytes that are signed behind their domain string
 */

/**
 * Reads exactly one receipt.
 * @param {Bytes} bytes
 * @returns {SignedReceipt}
 */
export function decodeReceipt(bytes) {
  const field = "receipt";
  const reader = new Reader(bytes);
  const camera = reader.take(field, 32);
  const [segment, leaves] = [reader.u64(field), reader.u64(field)];
  const head = reader.take(field, 32);
  const receivedAt = reader.u64(field);
  const signature = reader.take(field, 64);
  reader.end(field);
  return { camera, segment, leaves, head, receivedAt, receipt: bytes.subarray(0, LENGTH), signature };
}

/** @param {SignedReceipt} signed */
export function receiptSignedBytes(signed) {
  return concat(DOMAIN, signed.receipt);
}

/**
 * Whether the relay signed it.
 * @param {SignedReceipt} signed
 * @param {Bytes} relay its key
 */
export async function verifyReceipt(signed, relay) {
  const key = await publicKey(relay);
  return key !== null && holds(key, receiptSignedBytes(signed), signed.signature);
}
