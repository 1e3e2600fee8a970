// The keys in the worker: every step from a password to a picture, and forgetting.

import { concat } from "../../../assets/seal/bytes.js";
import { commitment } from "../../../assets/seal/keys.js";
import { IDLE, Keyring } from "../../../assets/seal/keyring.js";
import { crafted, grantFor, plaintext, scope, secretOf } from "./content.js";
import { filled, holds, refused, same } from "./assert.js";

/** @typedef {(name: string) => Promise<any[]>} Load */
/** @typedef {import("../../../assets/seal/identity.js").Identity} Identity */

/** A viewer as an agent sees it: the public keys alone. @param {import("../../../assets/seal/public.js").PublicKeys} keys @param {Uint8Array<ArrayBuffer>} fingerprint */
export async function known(keys, fingerprint) {
  const publicKey = await crypto.subtle.importKey("raw", keys.exchange, "X25519", true, []);
  return /** @type {Identity} */ (/** @type {unknown} */ ({ exchange: { publicKey }, keys, fingerprint }));
}

/** A frame's two layers, in a group's key frame and in the next one, sealed under `filled(6)`. */
export async function frames() {
  const secret = await secretOf(6, 4n);
  const first = concat(await commitment(secret), await crafted(secret, 7n, 1, plaintext(filled(0xaa, 100))));
  const later = await crafted(secret, 8n, 1, plaintext(filled(0xbb, 50)));
  const place = { scope: scope(), group: 4n };
  return {
    first: { place: { ...place, sequence: 7n, key: true }, index: 1, layer: first },
    later: { place: { ...place, sequence: 8n, key: false }, index: 1, layer: later },
  };
}

/** An opened keyring, by the identity file of the vectors. @param {Load} load @param {ConstructorParameters<typeof Keyring>[0]} [options] */
async function opened(load, options) {
  const [vector] = await load("identity-files");
  const keyring = new Keyring(options);
  const who = await keyring.file({ file: new TextEncoder().encode(vector.file), password: vector.password });
  const grant = await grantFor(filled(6), await known(who.keys, who.fingerprint), scope());
  return { keyring, who, grants: { grants: [{ grant, scope: scope() }] } };
}

/** @type {Record<string, (load: Load) => Promise<void>>} */
export default {
  "register, sign in, change the password, lose it, recover": async () => {
    const account = { host: "relay.example.org", account: "guard" };
    const one = { ...account, password: "plough candle orbit thistle" };
    const two = { ...account, password: "ladder copper violin marsh" };

    const keyring = new Keyring();
    await refused("locked", () => keyring.create());
    const registered = await keyring.password({ ...one, slot: "current" });
    const { keys, wraps, recovery } = await keyring.create();
    const who = await keyring.unlock({ keys, wraps });
    same([who.keys, who.line.length, who.spoken.length], [keys, 119, 79]);
    same(keyring.state(), { unlocked: true, unlockKeys: 0, contentKeys: 0, groups: 0 }, "the unlock key is not needed any longer");
    keyring.forget("signed-out");

    same((await keyring.password({ ...one, slot: "current" })).signInSecret, registered.signInSecret);
    const next = await keyring.password({ ...two, slot: "new" });
    holds(String(next.signInSecret) !== String(registered.signInSecret), "another password signs in otherwise");
    const changed = await keyring.rewrap({ from: "current", keys, wraps });
    same(changed.recovery, null, "the recovery code still holds");
    same((await keyring.unlock({ keys, wraps: changed.wraps })).fingerprint, who.fingerprint);
    await keyring.password({ ...two, slot: "current" });
    await keyring.password({ ...one, slot: "new" });
    await keyring.rewrap({ from: "current", keys, wraps: changed.wraps });
    same(keyring.state(), { unlocked: true, unlockKeys: 0, contentKeys: 0, groups: 0 }, "what is open stays open");
    keyring.forget("signed-out");

    await keyring.password({ ...one, slot: "current" });
    await refused("wrong-password", () => keyring.unlock({ keys, wraps: changed.wraps }), "the old password");

    const code = await keyring.recovery({ code: recovery.text.toLowerCase() });
    same(code.signInSecret, recovery.signInSecret);
    await keyring.password({ ...one, slot: "new" });
    const recovered = await keyring.rewrap({ from: "recovery", keys, wraps: recovery.wraps });
    holds(recovered.recovery && recovered.recovery.text !== recovery.text, "a used code is replaced");
    same((await keyring.unlock({ keys, wraps: recovered.wraps })).fingerprint, who.fingerprint);
    await keyring.recovery({ code: /** @type {any} */ (recovered.recovery).text });
    await keyring.password({ ...two, slot: "new" });
    await refused(
      "wrong-password",
      () => keyring.rewrap({ from: "recovery", keys, wraps: recovery.wraps }),
      "the new code opens its own wraps only",
    );
  },

  "a grant opens its layers, from the key frame on": async (load) => {
    const { keyring, who, grants } = await opened(load);
    const { first, later } = await frames();
    await refused("no-grant", () => keyring.layer(first));
    const theirs = await grantFor(filled(6), { ...(await known(who.keys, who.fingerprint)), fingerprint: filled(1) }, scope());
    const { refused: reasons } = await keyring.grants({
      grants: [...grants.grants, { grant: theirs, scope: scope() }, { ...grants.grants[0], scope: { ...scope(), epoch: 5n } }],
    });
    same(
      reasons.map((reason) => reason && reason.reason),
      [null, "grant-not-for-you", "grant-refused"],
    );
    await refused("no-key-frame", () => keyring.layer(later));
    const [one, two] = await Promise.all([keyring.layer(first), keyring.layer(later)]);
    same(
      [one.bytes, two.bytes].map((bytes) => String(bytes)),
      [String(filled(0xaa, 100)), String(filled(0xbb, 50))],
      "without waiting in between",
    );
    same((await keyring.layer(later)).bytes, filled(0xbb, 50));
    await refused("no-grant", () => keyring.layer({ ...later, place: { ...later.place, scope: { ...scope(), epoch: 5n } } }));
    await refused("no-key-frame", () => keyring.layer({ ...later, place: { ...later.place, group: 5n } }));
    await refused("layer-wrong-key", () => keyring.layer({ ...first, place: { ...first.place, group: 5n } }));
    same(keyring.state(), { unlocked: true, unlockKeys: 0, contentKeys: 1, groups: 2 });
  },

  "signing out forgets every key, whatever is under way": async (load) => {
    /** @type {string[]} */
    const said = [];
    const { keyring, grants } = await opened(load, { onForgotten: (why) => said.push(why) });
    const { first, later } = await frames();
    await keyring.grants(grants);
    await keyring.layer(first);
    same((await keyring.layer(later)).bytes, filled(0xbb, 50), "control");
    const [vector] = await load("identity-files");
    const underWay = [
      keyring.layer(later),
      keyring.grants(grants),
      keyring.recovery({ code: "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-ACTQ-HIZR" }),
      keyring.file({ file: new TextEncoder().encode(vector.file), password: vector.password }),
    ];
    keyring.forget("signed-out");
    const ends = await Promise.allSettled(underWay);
    same(
      ends.map((end) => end.status === "rejected" && end.reason.reason),
      ["forgotten", "forgotten", "forgotten", "forgotten"],
    );
    same(keyring.state(), { unlocked: false, unlockKeys: 0, contentKeys: 0, groups: 0 });
    for (const ask of [() => keyring.layer(later), () => keyring.layer(first), () => keyring.grants(grants)]) await refused("locked", ask);
    same(said, ["signed-out"]);
  },

  "whoever is unlocked next inherits nothing": async (load) => {
    const { keyring, grants } = await opened(load);
    const { first } = await frames();
    await keyring.grants(grants);
    await keyring.layer(first);
    same(keyring.state(), { unlocked: true, unlockKeys: 0, contentKeys: 1, groups: 1 }, "control");

    const [{ file, password }] = await load("identity-files");
    let next = /** @type {Promise<unknown>} */ (Promise.resolve());
    await new Promise((resolve) => {
      next = keyring.file({ file: new TextEncoder().encode(file), password }, () => resolve(undefined));
    });
    // Stretched behind the file's password, so it is under way when the file's keys are taken.
    const behind = keyring.password({ password, host: "localhost", account: "guard", slot: "current" }).catch((error) => error.reason);
    await next;
    same(await behind, "forgotten");
    same(keyring.state(), { unlocked: true, unlockKeys: 0, contentKeys: 0, groups: 0 });
  },

  "idle time forgets every key, also on a machine that slept": async (load) => {
    let now = 1_000_000;
    /** @type {string[]} */
    const said = [];
    const { keyring, grants } = await opened(load, { now: () => now, onForgotten: (why) => said.push(why) });
    const { first, later } = await frames();
    await keyring.grants(grants);
    await keyring.layer(first);
    now += IDLE - 1;
    keyring.expire();
    same((await keyring.layer(later)).bytes, filled(0xbb, 50), "not yet");
    keyring.touch();
    now += IDLE - 1;
    same((await keyring.layer(later)).bytes, filled(0xbb, 50), "somebody was there; pictures alone do not count");
    now += 1;
    await refused("locked", () => keyring.layer(later), "nobody asked in between");
    same(keyring.state(), { unlocked: false, unlockKeys: 0, contentKeys: 0, groups: 0 });
    same(said, ["idle"]);

    // Whoever types a password is there, however long nobody was before.
    await keyring.recovery({ code: "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-ACTQ-HIZR" });
    keyring.expire();
    same(keyring.state().unlockKeys, 1);
    now -= 3 * IDLE;
    keyring.expire();
    now += IDLE;
    keyring.expire();
    same(keyring.state().unlockKeys, 0, "a clock that was set back makes nobody be there for longer");
  },

  "no more passwords are stretched at one time than memory is there for": async (load) => {
    const [vector] = await load("identity-files");
    const keyring = new Keyring();
    const asked = { password: vector.password, host: "localhost", account: "guard", slot: /** @type {const} */ ("current") };
    const all = Array.from({ length: 6 }, () =>
      keyring.password(asked).then(
        () => "done",
        (error) => error.reason,
      ),
    );
    keyring.forget("signed-out");
    const results = await Promise.all(all);
    same(results.filter((result) => result === "busy").length, 2);
    same(results.filter((result) => result === "forgotten").length, 4);
  },

  "the table of content keys is bounded": async (load) => {
    const { keyring, who } = await opened(load);
    const grant = await grantFor(filled(6), await known(who.keys, who.fingerprint), scope());
    await refused("not-a-request", () => keyring.grants({ grants: Array.from({ length: 8193 }, () => ({ grant, scope: scope() })) }));
  },
};
