// The hierarchy, passwords and recovery codes against the golden vectors.

import { bits, commitment, groupSecret, layerKey, take } from "../../../assets/seal/keys.js";
import { accountSalt, master, normalised, stretch } from "../../../assets/seal/password.js";
import { parse, random, reveal, secrets } from "../../../assets/seal/recovery.js";
import { bytes, filled, holds, refused, same } from "./assert.js";

/** @typedef {(name: string) => Promise<any[]>} Load */

/** An AES key stream that tells two keys apart, since neither can be exported. @param {CryptoKey} key */
const stream = async (key) =>
  new Uint8Array(await crypto.subtle.decrypt({ name: "AES-CTR", counter: filled(0, 16), length: 32 }, key, filled(0)));

/** @type {Record<string, (load: Load) => Promise<void>>} */
export default {
  "the keys vectors hold": async (load) => {
    for (const vector of await load("keys")) {
      const contentKey = await take(bytes(vector.content_key));
      const secret = await groupSecret(contentKey, BigInt(vector.group));
      same(await bits(secret, "celosia commitment v1"), bytes(vector.commitment));
      same(await commitment(secret), bytes(vector.commitment));
      same(await commitment(await take(bytes(vector.group_secret))), bytes(vector.commitment), "the group secret");
      const expected = await crypto.subtle.importKey("raw", bytes(vector.layer_key), "AES-CTR", false, ["decrypt"]);
      same(await stream(await layerKey(secret)), await stream(expected), "the layer key");
    }
  },

  "a taken secret is erased, and no key can be exported": async () => {
    const secret = filled(7);
    const key = await take(secret);
    same(secret, filled(0), "the bytes");
    const group = await groupSecret(key, 0n);
    const layers = await layerKey(group);
    for (const each of [key, group, layers]) {
      holds(!each.extractable, "not extractable");
      const exported = await crypto.subtle.exportKey("raw", each).catch(() => null);
      same(exported, null, "exported");
    }
  },

  "every domain and group gives another key": async () => {
    const seen = new Set();
    for (const seed of [1, 2]) {
      const key = await take(filled(seed));
      for (const group of [0n, 1n, 2n ** 64n - 1n]) {
        const secret = await groupSecret(key, group);
        for (const out of [await commitment(secret), await stream(await layerKey(secret))]) seen.add(String(out));
      }
    }
    same(seen.size, 12);
  },

  "the passwords vectors hold, at the real cost": async (load) => {
    for (const vector of await load("passwords")) {
      const salt = await accountSalt(vector.host, vector.account);
      same(salt, bytes(vector.salt), "salt");
      same(await master(vector.password, salt), bytes(vector.master), "master");
    }
    const [vector] = await load("passwords");
    /** @type {number[]} */
    const parts = [];
    const { signInSecret, unlock } = await stretch(vector.password, bytes(vector.salt), (part) => parts.push(part));
    same(signInSecret, bytes(vector.sign_in_secret), "sign-in secret");
    const expected = await crypto.subtle.importKey("raw", bytes(vector.unlock_key), "AES-GCM", false, ["encrypt"]);
    const probe = (/** @type {CryptoKey} */ key) => crypto.subtle.encrypt({ name: "AES-GCM", iv: filled(1, 12) }, key, filled(2));
    same(new Uint8Array(await probe(unlock)), new Uint8Array(await probe(expected)), "unlock key");
    holds(!unlock.extractable, "the unlock key cannot be exported");
    holds(parts.length > 1 && parts.every((part, at) => part >= (parts[at - 1] ?? 0)) && parts.at(-1) === 1, "progress is told");
  },

  "passwords are the same however the accents were typed": async () => {
    same(normalised("celosi\u0301a"), "celos\u00eda");
    holds(normalised("celosia") !== normalised("celosía"), "control");
  },

  "what is no password is refused": async () => {
    await refused("password-empty", () => normalised(""));
    await refused("password-too-long", () => normalised("x".repeat(1025)));
    await refused("password-too-long", () => normalised("é".repeat(513)), "bytes count, not characters");
    await refused("password-not-text", () => normalised("plough \ud800 candle"));
    same(normalised("x".repeat(1024)).length, 1024, "control");
  },

  "a salt is made of one form of the host only": async () => {
    for (const host of ["relay.example.org", "localhost", "127.0.0.1", "[::1]", "xn--celosa-5va.example", "my_host"])
      await accountSalt(host, "guard");
    for (const host of [
      "",
      "Relay.example.org",
      "relay.example.org:4433",
      "https://relay",
      "relay.",
      ".relay",
      "a..b",
      "celosía.es",
      "[::1]:1",
      "[0::1]",
      "a b",
      "[",
      "[]",
      "[::ffff:1.2.3.4]",
      "[::ffff:102:304]",
      `${"a.".repeat(127)}`,
      "a\n",
    ]) {
      await refused("not-a-host", () => accountSalt(host, "guard"), host);
    }
    for (const account of ["", "ab", "Abc", "a b", "-abc", "äbc", "../..", "a".repeat(33), "abc\n"]) {
      await refused("not-a-name", () => accountSalt("localhost", account), account);
    }
  },

  "the recovery vectors hold": async (load) => {
    for (const vector of await load("recovery")) {
      same(await reveal(bytes(vector.code)), vector.text);
      same(await parse(vector.text), bytes(vector.code));
      const code = bytes(vector.code);
      const { signInSecret, unlock } = await secrets(code);
      same(code, filled(0, 16), "the code is erased");
      same(signInSecret, bytes(vector.sign_in_secret));
      const expected = await crypto.subtle.importKey("raw", bytes(vector.unlock_key), "AES-GCM", false, ["encrypt"]);
      const probe = (/** @type {CryptoKey} */ key) => crypto.subtle.encrypt({ name: "AES-GCM", iv: filled(1, 12) }, key, filled(2));
      same(new Uint8Array(await probe(unlock)), new Uint8Array(await probe(expected)), "unlock key");
    }
  },

  "a code is read as people type it": async () => {
    const code = filled(0xe7, 16);
    const text = await reveal(code);
    for (const typed of [text.toLowerCase(), text.replaceAll("-", ""), text.replaceAll("-", " "), `  ${text}\n`])
      same(await parse(typed), code, typed);
    const looksAlike = await reveal(bytes("70a1c284e0f7ae4bd0a68c9e1a4c3f22"));
    const mistaken = looksAlike.replaceAll("O", "0").replaceAll("I", "1").replaceAll("B", "8");
    holds(mistaken !== looksAlike, "there is something to mistake");
    same(await parse(mistaken), await parse(looksAlike), "0, 1 and 8");
  },

  "typing errors are noticed": async () => {
    const text = await reveal(random());
    for (let place = 0; place < text.length; place += 1) {
      if (text[place] === "-") continue;
      const wrong = text[place] === "A" ? "C" : "A";
      await refused("not-a-code", () => parse(text.slice(0, place) + wrong + text.slice(place + 1)));
      await refused("not-a-code", () => parse(text.slice(0, place) + text.slice(place + 1)));
    }
    for (const typed of ["", `${text}A`, "A".repeat(1 << 20), text.replace(/[A-Z]/, "é"), text.replace(/[A-Z]/, "9")]) {
      await refused("not-a-code", () => parse(typed));
    }
    await parse(text);
  },
};
