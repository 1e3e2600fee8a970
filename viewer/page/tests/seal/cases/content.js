// Grants and layers: the golden vectors, and the attacks that the camera's signature does not stop.

import { concat, u64 } from "../../../assets/seal/bytes.js";
import { info, open } from "../../../assets/seal/grant.js";
import { create, open as openIdentity } from "../../../assets/seal/identity.js";
import { commitment, groupSecret, layerKey, take } from "../../../assets/seal/keys.js";
import { GroupOpener, decrypt, padded } from "../../../assets/seal/layer.js";
import { fingerprint } from "../../../assets/seal/public.js";
import { EXCHANGE, SIGNING } from "../../../assets/seal/wrap.js";
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "../../../assets/vendor/hpke-core.js";
import { bytes, filled, flipped, holds, refused, same } from "./assert.js";
import { unlockKey } from "./identity.js";

/** @typedef {(name: string) => Promise<any[]>} Load */
/** @typedef {import("../../../assets/seal/grant.js").Scope} Scope */
/** @typedef {import("../../../assets/seal/identity.js").Identity} Identity */

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

/** @returns {Scope} */
export const scope = () => ({ camera: filled(1), session: concat(u64(2n), filled(3, 16)), epoch: 4n, label: 9, name: "face" });

/** What an agent does, with the vendored library: wraps a content key. @param {Uint8Array} contentKey @param {Identity} to @param {Uint8Array} bound */
async function wrapped(contentKey, to, bound) {
  const { enc, ct } = await suite.seal(
    { recipientPublicKey: to.exchange.publicKey, info: Uint8Array.from(bound).buffer },
    Uint8Array.from(contentKey).buffer,
  );
  return concat(Uint8Array.of(1), new Uint8Array(enc), new Uint8Array(ct));
}

/** @param {Uint8Array} contentKey @param {Identity} to @param {Scope} good */
export async function grantFor(contentKey, to, good) {
  return { recipient: to.fingerprint, label: good.label, wrapped: await wrapped(contentKey, to, info(good, to.fingerprint)) };
}

/** @param {number} [seed] */
export async function viewer(seed = 1) {
  const unlock = await unlockKey(filled(seed));
  const { keys, wraps } = await create([unlock]);
  return openIdentity(wraps[0], unlock, keys);
}

/** The viewer of a vector. @param {any} vector @returns {Promise<Identity>} */
async function viewerOf(vector) {
  const exchange = await crypto.subtle.importKey("pkcs8", concat(EXCHANGE.prefix, bytes(vector.exchange_private)), "X25519", false, [
    "deriveBits",
  ]);
  const signing = await crypto.subtle.importKey("pkcs8", concat(SIGNING.prefix, bytes(vector.signing_private)), "Ed25519", true, ["sign"]);
  const base = await crypto.subtle.importKey("raw", concat(Uint8Array.of(9), filled(0, 31)), "X25519", true, []);
  const exchangePublic = new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: base }, exchange, 256));
  const jwk = await crypto.subtle.exportKey("jwk", signing);
  const text = atob(String(jwk.x).replaceAll("-", "+").replaceAll("_", "/"));
  const keys = { exchange: exchangePublic, signing: Uint8Array.from(text, (character) => character.charCodeAt(0)) };
  const publicKey = await crypto.subtle.importKey("raw", exchangePublic, "X25519", true, []);
  return { exchange: { privateKey: exchange, publicKey }, signing, keys, fingerprint: await fingerprint(keys) };
}

/** What an agent does: encrypts a plaintext as it stands. @param {CryptoKey} secret @param {bigint} sequence @param {number} index @param {Uint8Array} plain */
export async function crafted(secret, sequence, index, plain) {
  const counter = concat(u64(sequence), new Uint8Array([index >>> 24, index >>> 16, index >>> 8, index]), filled(0, 4));
  return new Uint8Array(
    await crypto.subtle.decrypt({ name: "AES-CTR", counter, length: 32 }, await layerKey(secret), Uint8Array.from(plain)),
  );
}

/** @param {Uint8Array} payload */
export function plaintext(payload) {
  const out = new Uint8Array(padded(4 + payload.length));
  new DataView(out.buffer).setUint32(0, payload.length);
  out.set(payload, 4);
  return out;
}

/** @param {number} seed @param {bigint} group */
export const secretOf = async (seed, group) => groupSecret(await take(filled(seed)), group);

/** @param {bigint} sequence */
const picture = (sequence) => new TextEncoder().encode(`picture ${sequence}`.repeat(9));

/** Three layers of one label in one group: the first at (7, 1), then (8, 1) and (9, 1). @param {CryptoKey} secret */
async function layersOf(secret) {
  const layers = [];
  for (const sequence of [7n, 8n, 9n]) layers.push(await crafted(secret, sequence, 1, plaintext(picture(sequence))));
  return [concat(await commitment(secret), layers[0]), layers[1], layers[2]];
}

/** What an opener without the commitment would do. @param {CryptoKey} secret @param {bigint} sequence @param {number} index @param {Uint8Array} ciphertext */
const uncommitted = async (secret, sequence, index, ciphertext) =>
  decrypt(await layerKey(secret), sequence, index, Uint8Array.from(ciphertext));

/** @type {Record<string, (load: Load) => Promise<void>>} */
export default {
  "the suite is the one of RFC 9180": async (load) => {
    for (const vector of await load("rfc9180")) {
      const exchange = await crypto.subtle.importKey("pkcs8", concat(EXCHANGE.prefix, bytes(vector.private_key)), "X25519", false, [
        "deriveBits",
      ]);
      const publicKey = await crypto.subtle.importKey("raw", bytes(vector.public_key), "X25519", true, []);
      const recipientKey = { privateKey: exchange, publicKey };
      const opened = await suite.open(
        { recipientKey, enc: bytes(vector.enc).buffer, info: bytes(vector.info).buffer },
        bytes(vector.ciphertext).buffer,
        bytes(vector.aad).buffer,
      );
      same(new Uint8Array(opened), bytes(vector.plaintext));
    }
  },

  "the grants vectors open with keys that cannot be exported": async (load) => {
    for (const vector of await load("grants")) {
      const identity = await viewerOf(vector);
      holds(!identity.exchange.privateKey.extractable, "not extractable");
      /** @type {Scope} */
      const good = {
        camera: bytes(vector.camera),
        session: concat(u64(BigInt(vector.session)), bytes(vector.session_nonce)),
        epoch: BigInt(vector.epoch),
        label: Number(vector.label),
        name: vector.label_name,
      };
      const key = await open(identity, { recipient: identity.fingerprint, label: good.label, wrapped: bytes(vector.wrapped) }, good);
      const expected = await take(bytes(vector.content_key));
      for (const group of [0n, 5n])
        same(await commitment(await groupSecret(key, group)), await commitment(await groupSecret(expected, group)));
    }
  },

  "attack: use a grant for another scope": async () => {
    const identity = await viewer();
    const grant = await grantFor(filled(6), identity, scope());
    await open(identity, grant, scope());
    for (const [attack, other] of /** @type {[string, Scope][]} */ ([
      ["camera", { ...scope(), camera: filled(9) }],
      ["session number", { ...scope(), session: concat(u64(9n), filled(3, 16)) }],
      ["session's random bytes", { ...scope(), session: concat(u64(2n), filled(9, 16)) }],
      ["epoch", { ...scope(), epoch: 5n }],
      ["label's name", { ...scope(), name: "till" }],
    ])) {
      await refused("grant-refused", () => open(identity, grant, other), attack);
    }
    const outside = { ...scope(), label: 8, name: "outside" };
    await refused("grant-other-label", () => open(identity, grant, outside));
    await refused("grant-refused", () => open(identity, { ...grant, label: 8 }, outside), "the label is bound, not only written beside it");
    // Control: bound to nothing, what was wrapped for one scope opens in any.
    const unbound = await wrapped(filled(6), identity, new Uint8Array());
    await suite.open({ recipientKey: identity.exchange, enc: unbound.slice(1, 33).buffer }, unbound.slice(33).buffer);
    await refused("grant-refused", () => open(identity, { ...grant, wrapped: unbound }, scope()));
  },

  "attack: use somebody else's grant": async () => {
    const [identity, thief] = [await viewer(1), await viewer(2)];
    const grant = await grantFor(filled(6), identity, scope());
    await refused("grant-not-for-you", () => open(thief, grant, scope()));
    await refused("grant-refused", () => open(thief, { ...grant, recipient: thief.fingerprint }, scope()));
    // A recipient is both keys: one with the viewer's exchange key and a signing key of the thief's is somebody else.
    const keys = { exchange: identity.keys.exchange, signing: thief.keys.signing };
    const mixed = { ...identity, keys, fingerprint: await fingerprint(keys) };
    await refused("grant-refused", () => open(mixed, { ...grant, recipient: mixed.fingerprint }, scope()));
    await open(identity, grant, scope());
  },

  "attack: flip bits of a grant and cut it anywhere": async () => {
    const identity = await viewer();
    const grant = await grantFor(filled(6), identity, scope());
    same(grant.wrapped.length, 81);
    for (let bit = 0; bit < 81 * 8; bit += bit < 8 || (bit >= 248 && bit < 264) ? 1 : 7) {
      const changed = { ...grant, wrapped: flipped(grant.wrapped, bit) };
      await refused(bit < 8 ? "grant-suite" : "grant-refused", () => open(identity, changed, scope()), `bit ${bit}`);
    }
    for (let cut = 0; cut < 81; cut += 1)
      await refused("grant-length", () => open(identity, { ...grant, wrapped: grant.wrapped.slice(0, cut) }, scope()));
    await refused("grant-length", () => open(identity, { ...grant, wrapped: concat(grant.wrapped, filled(0, 1)) }, scope()));
    await refused("grant-length", () => open(identity, { ...grant, wrapped: concat(grant.wrapped, filled(0, 1 << 20)) }, scope()));
    await open(identity, grant, scope());
  },

  "attack: a grant made with a point of low order": async (load) => {
    // The shared secret with such a point is zero, so anybody could have made it.
    const identity = await viewer();
    const grant = await grantFor(filled(6), identity, scope());
    let count = 0;
    for (const vector of await load("public")) {
      if (!vector.refused?.startsWith("X25519 of order")) continue;
      const changed = concat(Uint8Array.of(1), bytes(vector.exchange), grant.wrapped.slice(33));
      await refused("grant-refused", () => open(identity, { ...grant, wrapped: changed }, scope()), vector.refused);
      count += 1;
    }
    holds(count > 4, "there are such vectors");
  },

  "the layers vectors hold": async (load) => {
    for (const vector of await load("layers")) {
      const secret = await take(bytes(vector.group_secret));
      const [sequence, index, sealed] = [BigInt(vector.sequence), Number(vector.index), bytes(vector.sealed)];
      // A later layer needs an opener that has seen another layer's commitment.
      const opened = async () => {
        const opener =
          vector.first === "yes"
            ? await GroupOpener.start(secret, sequence, index, sealed)
            : await GroupOpener.start(secret, sequence ^ 1n, index, await commitment(secret));
        return opener.open(sequence, index, sealed);
      };
      if (vector.refused) await refused(/^layer-/, opened, vector.refused);
      else same(await opened(), bytes(vector.payload), `${vector.first} ${vector.sequence}`);
    }
  },

  "every size opens and ends at its steps": async () => {
    for (const [n, expected] of [
      [4, 16],
      [16, 16],
      [17, 32],
      [256, 256],
      [257, 272],
      [511, 512],
      [512, 512],
      [513, 544],
      [1000, 1024],
      [1025, 1088],
      [2 ** 31, 2 ** 31],
      [2 ** 32 + 3, 2 ** 32 + 2 ** 28],
    ]) {
      same(padded(n), expected, String(n));
    }
    const secret = await secretOf(1, 0n);
    const opener = await GroupOpener.start(secret, 0n, 0, await commitment(secret));
    for (const size of [...Array(80).keys(), 507, 508, 509, 4091, 4092, 4093, 65_533, 100_000, 1 << 20]) {
      const payload = Uint8Array.from({ length: size }, (_, at) => (at % 251) + 1);
      same(await opener.open(5n, 2, await crafted(secret, 5n, 2, plaintext(payload))), payload, String(size));
    }
  },

  "attack: open with another key": async () => {
    const layers = await layersOf(await secretOf(1, 4n));
    for (const wrong of [await secretOf(2, 4n), await secretOf(1, 5n), await secretOf(1, 3n)]) {
      await refused("layer-wrong-key", () => GroupOpener.start(wrong, 7n, 1, layers[0]));
    }
    const opener = await GroupOpener.start(await secretOf(1, 4n), 7n, 1, layers[0]);
    for (const [at, sequence] of /** @type {[number, bigint][]} */ ([
      [0, 7n],
      [1, 8n],
      [2, 9n],
      [0, 7n],
    ]))
      same(await opener.open(sequence, 1, layers[at]), picture(sequence));
  },

  "attack: one layer with two faces": async () => {
    // With CTR alone a signer can make a layer that opens under two keys: fix the length under one, and try groups until it fits under
    // the other too. This one was found by trying 33,433 of them.
    const SIZE = 1 << 20;
    const SHOWN = 1_033_520;
    const [one, other] = [await secretOf(1, 0n), await secretOf(2, 33_433n)];
    const full = concat(u64(BigInt(SIZE - 4)).slice(4), filled(0, 12));
    const length = (await crafted(one, 0n, 0, full)).slice(0, 4);
    // Under `one` every byte counts; under `other` the end must be padding, so there the ciphertext is its key stream.
    const ciphertext = await crafted(other, 0n, 0, new Uint8Array(SIZE));
    ciphertext.set(length);

    // Control: without a commitment both keys open it, to different pictures.
    same((await uncommitted(one, 0n, 0, ciphertext)).length, SIZE - 4);
    same((await uncommitted(other, 0n, 0, ciphertext)).length, SHOWN);

    // With it, whichever commitment the forger chooses, the other key is refused.
    for (const [chosen, denied] of [
      [one, other],
      [other, one],
    ]) {
      const layer = concat(await commitment(chosen), ciphertext);
      await GroupOpener.start(chosen, 0n, 0, layer);
      await refused("layer-wrong-key", () => GroupOpener.start(denied, 0n, 0, layer));
    }
  },

  "attack: change the commitment": async () => {
    const secret = await secretOf(1, 4n);
    const [layer] = await layersOf(secret);
    for (let bit = 0; bit < 256; bit += 1) await refused("layer-wrong-key", () => GroupOpener.start(secret, 7n, 1, flipped(layer, bit)));
    const opener = await GroupOpener.start(secret, 7n, 1, layer);
    await refused("layer-wrong-key", () => opener.open(7n, 1, flipped(layer, 0)), "checked again when it is opened");
    same(await uncommitted(secret, 7n, 1, flipped(layer, 0).slice(32)), picture(7n), "control: nothing else would notice");
  },

  "attack: swap layers": async () => {
    const secret = await secretOf(1, 4n);
    const layers = await layersOf(secret);
    const [elsewhere, otherLabel] = [await layersOf(await secretOf(1, 5n)), await layersOf(await secretOf(2, 4n))];
    const opener = await GroupOpener.start(secret, 7n, 1, layers[0]);
    same(await opener.open(8n, 1, layers[1]), picture(8n), "control: at its place it opens");
    for (const [attack, sequence, index, layer] of /** @type {[string, bigint, number, Uint8Array<ArrayBuffer>][]} */ ([
      ["another sequence", 9n, 1, layers[1]],
      ["another index", 8n, 2, layers[1]],
      ["sequence and index exchanged", 1n, 8, layers[1]],
      ["another group", 8n, 1, elsewhere[1]],
      ["another label or epoch", 8n, 1, otherLabel[1]],
      ["the first layer, later", 8n, 1, layers[0]],
    ])) {
      await refused(/^layer-(nonsense|truncated)$/, () => opener.open(sequence, index, layer), attack);
    }
    await refused("layer-wrong-key", () => opener.open(7n, 1, layers[1]), "a later layer, first");
  },

  "attack: truncate": async () => {
    const secret = await secretOf(1, 4n);
    const layers = await layersOf(secret);
    const opener = await GroupOpener.start(secret, 7n, 1, layers[0]);
    for (let cut = 0; cut < layers[1].length; cut += 1)
      await refused(/^layer-/, () => opener.open(8n, 1, layers[1].slice(0, cut)), String(cut));
    for (let cut = 0; cut < layers[0].length; cut += 1) {
      await refused(
        /^layer-/,
        async () => (await GroupOpener.start(secret, 7n, 1, layers[0].slice(0, cut))).open(7n, 1, layers[0].slice(0, cut)),
        String(cut),
      );
    }
    await refused("layer-nonsense", () => opener.open(8n, 1, concat(layers[1], filled(0, 16))), "lengthened");
    await refused("layer-too-long", () => opener.open(8n, 1, new Uint8Array(64 * 1024 * 1024 + 16)));
  },

  "attack: pad wrongly": async () => {
    const secret = await secretOf(1, 4n);
    const opener = await GroupOpener.start(secret, 7n, 1, await commitment(secret));
    const layer = (/** @type {number} */ length, /** @type {number} */ size, /** @type {number} */ last) => {
      const plain = new Uint8Array(size);
      new DataView(plain.buffer).setUint32(0, length);
      plain[size - 1] = last;
      return crafted(secret, 8n, 1, plain);
    };
    same(await opener.open(8n, 1, await layer(20, 32, 0)), filled(0, 20), "control: padded rightly");
    for (const [attack, sealed] of /** @type {[string, Promise<Uint8Array<ArrayBuffer>>][]} */ ([
      ["padding that is not zero: a place to hide a message", layer(20, 32, 1)],
      ["a step too many: two forms of one layer", layer(20, 48, 0)],
      ["a length beyond the bytes", layer(29, 32, 0)],
      ["the largest length", layer(0xffff_ffff, 32, 0)],
    ])) {
      await refused("layer-nonsense", async () => opener.open(8n, 1, await sealed), attack);
    }
    for (const size of [0, 1, 4, 15, 17, 33])
      await refused("layer-truncated", () => opener.open(8n, 1, new Uint8Array(size)), String(size));
  },
};
