// A sealed layer: the original pixels of one label, padded and encrypted.
//
//     plaintext         length L (u32) ‖ L bytes ‖ zeros                        padded(4 + L) bytes
//     sealed layer      AES-256-CTR of the plaintext; a label's first in a group has the commitment (32) in front
//     CTR block         sequence u64 ‖ layer index u32 ‖ block counter u32
//
// CTR protects nothing but secrecy: the camera's signature covers every layer and is verified before anything is opened.

import { equal, u64 } from "./bytes.js";
import { commitment, layerKey } from "./keys.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

/** No sealed layer is longer than this, in bytes: a longer one would fit into no frame. */
export const MAX_LAYER = 64 * 1024 * 1024;

const COMMITMENT = 32;
const LENGTH = 4;
const BLOCK = 16;

/**
 * Opens one label's layers in one group. That it exists means that the group commits to its key.
 */
export class GroupOpener {
  /** @type {CryptoKey} */ #key;
  /** @type {Bytes} */ #commitment;
  /** @type {{ sequence: bigint, index: number }} */ #first;

  /**
   * @param {CryptoKey} key
   * @param {Bytes} commitment
   * @param {{ sequence: bigint, index: number }} first
   */
  constructor(key, commitment, first) {
    this.#key = key;
    this.#commitment = commitment;
    this.#first = first;
  }

  /**
   * Checks the key against the label's first sealed layer in the group and decrypts nothing yet.
   * @param {CryptoKey} secret of the group
   * @param {bigint} sequence where that layer stands; `open` it as any other
   * @param {number} index
   * @param {Bytes} layer
   */
  static async start(secret, sequence, index, layer) {
    const opener = new GroupOpener(await layerKey(secret), await commitment(secret), { sequence, index });
    opener.#committed(layer);
    return opener;
  }

  /**
   * The bytes of the layer at this place.
   * @param {bigint} sequence
   * @param {number} index
   * @param {Bytes} layer
   * @returns {Promise<Bytes>}
   */
  async open(sequence, index, layer) {
    if (layer.length > MAX_LAYER) throw new Refusal("layer-too-long", layer.length);
    const isFirst = sequence === this.#first.sequence && index === this.#first.index;
    return decrypt(this.#key, sequence, index, isFirst ? this.#committed(layer) : layer);
  }

  /**
   * What stands behind the commitment of the first layer, if it is ours.
   * @param {Bytes} layer
   */
  #committed(layer) {
    if (layer.length < COMMITMENT) throw new Refusal("layer-truncated", layer.length);
    if (!equal(this.#commitment, layer.subarray(0, COMMITMENT))) throw new Refusal("layer-wrong-key");
    return layer.subarray(COMMITMENT);
  }
}

/**
 * @param {CryptoKey} key
 * @param {bigint} sequence
 * @param {number} index
 * @param {Bytes} ciphertext
 * @returns {Promise<Bytes>}
 */
export async function decrypt(key, sequence, index, ciphertext) {
  if (ciphertext.length < BLOCK || ciphertext.length % BLOCK !== 0) throw new Refusal("layer-truncated", ciphertext.length);
  const ctr = { name: "AES-CTR", counter: block(sequence, index), length: 32 };
  const plain = new Uint8Array(await crypto.subtle.decrypt(ctr, key, ciphertext));
  const length = new DataView(plain.buffer).getUint32(0);
  const end = LENGTH + length;
  if (padded(end) !== plain.length || plain.subarray(end).some((byte) => byte !== 0)) {
    plain.fill(0);
    throw new Refusal("layer-nonsense");
  }
  return plain.subarray(LENGTH, end);
}

/**
 * The first CTR block of a layer.
 * @param {bigint} sequence
 * @param {number} index
 */
function block(sequence, index) {
  const out = new Uint8Array(BLOCK);
  out.set(u64(sequence));
  new DataView(out.buffer).setUint32(8, index);
  return out;
}

/**
 * How long `n` bytes are with their padding: the next multiple of 2^max(4, ⌊log₂ n⌋ − 4).
 * @param {number} n from 4 to 2^32 + 3
 */
export function padded(n) {
  const log2 = n >= 2 ** 32 ? 32 : 31 - Math.clz32(n);
  const step = 2 ** Math.max(4, log2 - 4);
  return Math.ceil(n / step) * step;
}
