// A viewer's keys: wraps, identity files, public lines; and the attacks on them.

import { concat } from "../../../assets/seal/bytes.js";
import { parse as parseFile } from "../../../assets/seal/file.js";
import { create, open, rewrap } from "../../../assets/seal/identity.js";
import { fingerprint, line, parse, requireSound, spoken } from "../../../assets/seal/public.js";
import { EXCHANGE, SIGNING, WRAPPED, unwrap, wrap } from "../../../assets/seal/wrap.js";
import { bytes, filled, flipped, holds, refused, same } from "./assert.js";

/** @typedef {(name: string) => Promise<any[]>} Load */
/** @typedef {import("../../../assets/seal/wrap.js").Kind} Kind */

/** @param {Uint8Array} raw */
export const unlockKey = (raw) =>
  crypto.subtle.importKey("raw", Uint8Array.from(raw), "AES-GCM", false, ["encrypt", "wrapKey", "unwrapKey"]);

/** Encrypts whatever is to be taken for a private key. @param {Uint8Array} raw @param {Kind} kind @param {Uint8Array} name @param {Uint8Array} plain */
async function forged(raw, kind, name, plain) {
  const key = await crypto.subtle.importKey("raw", Uint8Array.from(raw), "AES-GCM", false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const additionalData = concat("celosia wrap v1", Uint8Array.of(kind.number), name);
  return concat(iv, new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, Uint8Array.from(plain))));
}

/** @type {Record<string, (load: Load) => Promise<void>>} */
export default {
  "the wraps vectors open": async (load) => {
    for (const vector of await load("wraps")) {
      const kind = vector.kind === "exchange" ? EXCHANGE : SIGNING;
      const unlock = await unlockKey(bytes(vector.unlock_key));
      const key = await unwrap(unlock, kind, bytes(vector.fingerprint), bytes(vector.wrapped), true);
      same(new Uint8Array(await crypto.subtle.exportKey("pkcs8", key)), concat(kind.prefix, bytes(vector.private_key)), vector.kind);
      const kept = await unwrap(unlock, kind, bytes(vector.fingerprint), bytes(vector.wrapped));
      same([kept.extractable, kept.algorithm.name, kept.usages], [false, kind.algorithm, kind.usages]);
      same(await crypto.subtle.exportKey("pkcs8", kept).catch(() => null), null, "exported");
      for (let bit = 0; bit < WRAPPED * 8; bit += 5) {
        await refused(
          "wrong-password",
          () => unwrap(unlock, kind, bytes(vector.fingerprint), flipped(bytes(vector.wrapped), bit)),
          `bit ${bit}`,
        );
      }
      for (const length of [0, WRAPPED - 1, WRAPPED + 1])
        await refused("wrong-password", () => unwrap(unlock, kind, bytes(vector.fingerprint), new Uint8Array(length)));
    }
  },

  "attack: exchange what a wrap stands for": async () => {
    const unlock = await unlockKey(filled(3));
    const { privateKey } = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey({ name: "X25519" }, true, ["deriveBits"]));
    const wrapped = await wrap(unlock, EXCHANGE, filled(1), privateKey);
    await unwrap(unlock, EXCHANGE, filled(1), wrapped);
    await refused("wrong-password", () => unwrap(unlock, SIGNING, filled(1), wrapped), "as the other kind");
    await refused("wrong-password", async () => unwrap(unlock, EXCHANGE, filled(9), wrapped), "as somebody else's");
    await refused("wrong-password", async () => unwrap(await unlockKey(filled(4)), EXCHANGE, filled(1), wrapped), "under another password");
    // Control: without the associated data nothing but the kind of the key would notice.
    const sealed = wrapped.slice(12);
    const unbound = await crypto.subtle
      .unwrapKey(
        "pkcs8",
        (await forged(filled(3), EXCHANGE, filled(1), concat(EXCHANGE.prefix, filled(5)))).slice(12),
        unlock,
        { name: "AES-GCM", iv: wrapped.slice(0, 12) },
        "X25519",
        false,
        ["deriveBits"],
      )
      .catch(() => null);
    same(unbound, null);
    const iv = filled(8, 12);
    const free = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, unlock, concat(EXCHANGE.prefix, filled(5)));
    holds(
      await crypto.subtle.unwrapKey("pkcs8", free, unlock, { name: "AES-GCM", iv }, "X25519", false, ["deriveBits"]),
      "bound to nothing it opens for anybody",
    );
    same(sealed.length, 64);
    const again = await wrap(unlock, EXCHANGE, filled(1), privateKey);
    holds(String(again) !== String(wrapped), "two wraps of one key have nothing in common");
  },

  "attack: another form of the same private key": async () => {
    // Whoever knows the password can wrap anything; a key has one form all the same, here and in every other program.
    const unlock = await unlockKey(filled(3));
    for (const kind of [EXCHANGE, SIGNING]) {
      await unwrap(unlock, kind, filled(1), await forged(filled(3), kind, filled(1), concat(kind.prefix, filled(5))));
      for (let at = 0; at < 16; at += 1) {
        for (const bit of [0, 1, 7]) {
          const plain = flipped(concat(kind.prefix, filled(5)), 8 * at + bit);
          await refused(
            "other-keys",
            async () => unwrap(unlock, kind, filled(1), await forged(filled(3), kind, filled(1), plain)),
            `byte ${at}`,
          );
        }
      }
      const longer = await forged(filled(3), kind, filled(1), concat(kind.prefix, filled(5), filled(0, 1)));
      await refused("wrong-password", () => unwrap(unlock, kind, filled(1), longer));
    }
    await refused("other-keys", async () =>
      unwrap(unlock, EXCHANGE, filled(1), await forged(filled(3), EXCHANGE, filled(1), concat(SIGNING.prefix, filled(5)))),
    );
  },

  "new keys open under each of their unlock keys, and only there": async () => {
    const unlocks = [await unlockKey(filled(1)), await unlockKey(filled(2))];
    const { keys, wraps } = await create(unlocks);
    await requireSound(keys);
    for (const at of [0, 1]) {
      const identity = await open(wraps[at], unlocks[at], keys);
      same(identity.fingerprint, await fingerprint(keys));
      for (const key of [identity.exchange.privateKey, identity.signing]) {
        holds(!key.extractable, "a private key cannot be exported");
        same(await crypto.subtle.exportKey("pkcs8", key).catch(() => null), null);
      }
      await refused("wrong-password", () => open(wraps[at], unlocks[1 - at], keys));
    }
    const other = await create(unlocks);
    await refused(
      "wrong-password",
      () => open({ ...wraps[0], exchange: other.wraps[0].exchange }, unlocks[0], keys),
      "another's exchange key",
    );
    await refused(
      "wrong-password",
      () => open({ exchange: wraps[0].signing, signing: wraps[0].exchange }, unlocks[0], keys),
      "its two keys",
    );
    await refused("wrong-password", () => open(wraps[0], unlocks[0], other.keys), "another's public keys");
  },

  "attack: wrap other keys than the public ones": async () => {
    // Whoever knows the password can wrap anything under any name: the keys themselves are checked too.
    const unlock = await unlockKey(filled(3));
    const { keys, wraps } = await create([unlock]);
    const name = await fingerprint(keys);
    const exchange = await forged(filled(3), EXCHANGE, name, concat(EXCHANGE.prefix, filled(5)));
    const signing = await forged(filled(3), SIGNING, name, concat(SIGNING.prefix, filled(5)));
    await unwrap(unlock, EXCHANGE, name, exchange);
    await unwrap(unlock, SIGNING, name, signing);
    await refused("other-keys", () => open({ ...wraps[0], exchange }, unlock, keys));
    await refused("other-keys", () => open({ ...wraps[0], signing }, unlock, keys));
    await open(wraps[0], unlock, keys);
  },

  "a new password opens the same keys, and the old one no longer": async () => {
    const [old, next, code] = await Promise.all([unlockKey(filled(1)), unlockKey(filled(2)), unlockKey(filled(3))]);
    const { keys, wraps } = await create([old]);
    const made = await rewrap(wraps[0], old, keys, [next, code]);
    await open(made[0], next, keys);
    await open(made[1], code, keys);
    await refused("wrong-password", () => open(made[0], old, keys));
    await refused("wrong-password", () => rewrap(wraps[0], next, keys, [old]), "who does not know the old one changes nothing");
  },

  "the public vectors hold": async (load) => {
    for (const vector of await load("public")) {
      const keys = { exchange: bytes(vector.exchange), signing: bytes(vector.signing) };
      if (vector.refused) {
        await refused("weak-key", () => parse(vector.text), vector.refused);
        await refused("weak-key", () => requireSound(keys), vector.refused);
        continue;
      }
      same(await line(keys), vector.text);
      same(await parse(vector.text), keys);
      same(spoken(await fingerprint(keys)), vector.fingerprint);
    }
  },

  "any changed character of a public line is noticed": async () => {
    const { keys } = await create([]);
    const text = await line(keys);
    same(await parse(` ${text}\n`), keys, "as pasted");
    for (let place = 0; place < text.length; place += 1) {
      for (const replacement of ["a", "7", "A", "1", "é", ""]) {
        const changed = text.slice(0, place) + replacement + text.slice(place + 1);
        if (changed !== text) await refused(/^public-/, () => parse(changed), changed);
      }
    }
    await refused("public-text", () => parse("front-door"));
    await refused("public-text", () => parse(text.toUpperCase()));
  },

  "the identity file vectors hold": async (load) => {
    for (const { file, refused: why, keys, exchange_private: exchange, unlock_key: unlock } of await load("identity-files")) {
      const text = new TextEncoder().encode(file);
      if (why) {
        await refused(/^(not-an-identity|identity-version|weak-key)$/, () => parseFile(text), why);
        continue;
      }
      const read = await parseFile(text);
      same(await line(read.keys), keys);
      const identity = await open(read.wraps, await unlockKey(bytes(unlock)), read.keys);
      same(identity.keys, read.keys);
      const unwrapped = await unwrap(await unlockKey(bytes(unlock)), EXCHANGE, identity.fingerprint, read.wraps.exchange, true);
      same(new Uint8Array(await crypto.subtle.exportKey("pkcs8", unwrapped)), concat(EXCHANGE.prefix, bytes(exchange)));
      await refused("wrong-password", async () => open(read.wraps, await unlockKey(filled(1)), read.keys));
    }
  },

  "what is no identity file is refused": async (load) => {
    const good = (await load("identity-files"))[0].file;
    const read = (/** @type {string} */ text) => parseFile(new TextEncoder().encode(text));
    await read(good);
    for (const line_ of [
      "rounds = 1",
      "iterations = 1",
      'kdf = "none"',
      "n = 2",
      "scrypt = { n = 2, r = 1, p = 1 }",
      "[cost]\nn = 2",
      "[password]",
      "__proto__ = 1",
      "[signing.cost]",
    ]) {
      for (const changed of [`${line_}\n${good}`, `${good}\n${line_}\n`]) await refused("not-an-identity", () => read(changed), line_);
    }
    same((await refused("identity-version", () => read(good.replace("version = 1", "version = 2\nnew = true")))).detail, "2");
    for (const version of ["1.0", '"1"', "true", "99999999999999999999"])
      await refused("not-an-identity", () => read(good.replace("version = 1", `version = ${version}`)), version);
    await refused("not-an-identity", () => read(""));
    await refused("not-an-identity", () => read(good + "#".repeat(4096)));
    await refused("not-an-identity", () => parseFile(filled(0xff, 8)));
    await refused("not-an-identity", () => read(good.replace(/^salt.*$/m, 'salt = "AAAA"')));
    await refused("not-an-identity", () => read(good.replace(/^salt = "(.*)"$/m, 'salt = " $1"')), "space in base64");
    await refused("not-an-identity", () => read(good.replace("[exchange]", "[[exchange]]")));
    await refused("weak-key", () => read(good.replace(/^public.*$/m, `public = "${"A".repeat(43)}="`)));
  },
};
