// Negative controls: with a check taken out, the case that watches over it fails.

import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const page = fileURLToPath(new URL("../../", import.meta.url));
const vectors = new URL("../../../../seal/vectors/", import.meta.url);

/** @param {string} name */
const load = async (name) => JSON.parse(await readFile(new URL(`${name}.json`, vectors), "utf8")).vectors;

/** What is protected, module, subject, case, what is there, what stands there instead. @type {[string, string, string, string, string, string][]} */
const removed = [
  // layers
  [
    "the commitment of the first layer",
    "layer",
    "content",
    "attack: open with another key",
    `if (!equal(this.#commitment, layer.subarray(0, COMMITMENT))) throw new Refusal("layer-wrong-key");`,
    "",
  ],
  [
    "the commitment against two faces",
    "layer",
    "content",
    "attack: one layer with two faces",
    `if (!equal(this.#commitment, layer.subarray(0, COMMITMENT))) throw new Refusal("layer-wrong-key");`,
    "",
  ],
  [
    "the commitment, at opening",
    "layer",
    "content",
    "attack: change the commitment",
    "isFirst ? this.#committed(layer) : layer",
    "isFirst ? layer.subarray(COMMITMENT) : layer",
  ],
  [
    "the whole of the commitment",
    "bytes",
    "content",
    "attack: change the commitment",
    "difference |= one[at] ^ other[at]",
    "difference = one[at] ^ other[at]",
  ],
  ["the length of a layer", "layer", "content", "attack: pad wrongly", "padded(end) !== plain.length || ", ""],
  ["the zeros of the padding", "layer", "content", "attack: pad wrongly", " || plain.subarray(end).some((byte) => byte !== 0)", ""],
  [
    "the cap of a layer",
    "layer",
    "content",
    "attack: truncate",
    `if (layer.length > MAX_LAYER) throw new Refusal("layer-too-long", layer.length);`,
    "",
  ],
  ["whole blocks", "layer", "content", "attack: pad wrongly", " || ciphertext.length % BLOCK !== 0", ""],
  ["the sequence in the CTR block", "layer", "content", "the layers vectors hold", "out.set(u64(sequence));", ""],
  ["the index in the CTR block", "layer", "content", "the layers vectors hold", "setUint32(8, index)", "setUint32(8, 1)"],
  ["the group in its secret", "keys", "content", "attack: swap layers", "DOMAIN.group, u64(group)", "DOMAIN.group"],
  // grants
  [
    "who a grant is for",
    "grant",
    "content",
    "attack: use somebody else's grant",
    `if (!equal(grant.recipient, identity.fingerprint)) throw new Refusal("grant-not-for-you");`,
    "",
  ],
  ["the recipient under a grant", "grant", "content", "attack: use somebody else's grant", ", name, recipient)", ", name)"],
  [
    "the label of a grant",
    "grant",
    "content",
    "attack: use a grant for another scope",
    `if (grant.label !== scope.label) throw new Refusal("grant-other-label");`,
    "",
  ],
  [
    "the camera under a grant",
    "grant",
    "content",
    "attack: use a grant for another scope",
    "DOMAIN.grant, scope.camera, ",
    "DOMAIN.grant, ",
  ],
  [
    "the session under a grant",
    "grant",
    "content",
    "attack: use a grant for another scope",
    "scope.camera, scope.session, ",
    "scope.camera, ",
  ],
  ["the epoch under a grant", "grant", "content", "attack: use a grant for another scope", "u64(scope.epoch), ", ""],
  ["the label's name under a grant", "grant", "content", "attack: use a grant for another scope", "Uint8Array.of(name.length), name, ", ""],
  [
    "the suite of a grant",
    "grant",
    "content",
    "attack: flip bits of a grant and cut it anywhere",
    `if (wrapped[0] !== SUITE) throw new Refusal("grant-suite", wrapped[0]);`,
    "",
  ],
  [
    "the length of a grant",
    "grant",
    "content",
    "attack: flip bits of a grant and cut it anywhere",
    `if (wrapped.length !== LENGTH) throw new Refusal("grant-length", wrapped.length);`,
    "",
  ],
  // private keys
  [
    "what a wrap stands for",
    "wrap",
    "identity",
    "the wraps vectors open",
    "Uint8Array.of(kind.number), fingerprint)",
    "Uint8Array.of(kind.number))",
  ],
  [
    "whose wrap it is",
    "wrap",
    "identity",
    "attack: exchange what a wrap stands for",
    "additionalData: concat(DOMAIN.wrap, Uint8Array.of(kind.number), fingerprint)",
    "additionalData: new Uint8Array()",
  ],
  [
    "the one form of a private key",
    "wrap",
    "identity",
    "attack: another form of the same private key",
    `if (!(await hasOurForm(unlock, nonce, kind, sealed))) throw new Refusal("other-keys");`,
    "",
  ],
  ["that a private key stays inside", "wrap", "identity", "the wraps vectors open", "extractable = false", "extractable = true"],
  [
    "which exchange key was wrapped",
    "identity",
    "identity",
    "attack: wrap other keys than the public ones",
    "!(await exchangeBelongs(exchange, keys.exchange)) || ",
    "",
  ],
  [
    "which signing key was wrapped",
    "identity",
    "identity",
    "attack: wrap other keys than the public ones",
    " || !(await signingBelongs(signing, keys.signing))",
    "",
  ],
  // public keys
  [
    "the one form of an exchange key",
    "public",
    "identity",
    "the public vectors hold",
    "if (differs < 0 || mostSignificantFirst[differs] > PRIME[differs]) return false;",
    "",
  ],
  ["the order of a signing key", "public", "identity", "the public vectors hold", ".isSmallOrder()", ".isSmallOrder === null"],
  [
    "the checksum of a public line",
    "public",
    "identity",
    "any changed character of a public line is noticed",
    `if (!equal(await checksum(inside), bytes.subarray(-CHECKSUM))) throw new Refusal("public-checksum");`,
    "",
  ],
  // identity files
  [
    "that a file names no costs",
    "file",
    "identity",
    "what is no identity file is refused",
    `only(file, ["version", "salt", "exchange", "signing"]);`,
    "",
  ],
  ["that a pair names no costs", "file", "identity", "what is no identity file is refused", `only(fields, ["public", "wrapped"]);`, ""],
  [
    "the length of a file",
    "file",
    "identity",
    "what is no identity file is refused",
    `if (bytes.length > MAX_FILE) throw new Refusal("not-an-identity", "too long");`,
    "",
  ],
  [
    "the version of a file",
    "file",
    "identity",
    "what is no identity file is refused",
    `if (file.version !== VERSION) throw new Refusal("identity-version", String(file.version));`,
    "",
  ],
  ["the soundness of the keys in a file", "file", "identity", "the identity file vectors hold", "await requireSound(keys);", ""],
  // passwords and codes
  ["the rounds of PBKDF2", "password", "keys", "the passwords vectors hold, at the real cost", "600_000", "1"],
  ["the cost of scrypt", "password", "keys", "the passwords vectors hold, at the real cost", "2 ** 17", "2 ** 1"],
  [
    "the one form of a host",
    "password",
    "keys",
    "a salt is made of one form of the host only",
    `if (!isCanonical(host)) throw new Refusal("not-a-host");`,
    "",
  ],
  ["the checksum of a recovery code", "recovery", "keys", "typing errors are noticed", "if (sound) return code;", "return code;"],
  ["that a secret is erased", "keys", "keys", "a taken secret is erased, and no key can be exported", "erase(secret);", ""],
  // the keyring
  [
    "what is under way for somebody else",
    "keyring",
    "keyring",
    "whoever is unlocked next inherits nothing",
    "this.#generation += 1;\n      this.#unlocks.clear();",
    "this.#unlocks.clear();",
  ],
  [
    "what a watcher may not ask",
    "protocol",
    "protocol",
    "a watcher's port opens layers and does nothing else",
    "this.#listen(request.port, WATCHING);",
    "this.#listen(request.port, ALL);",
  ],
  [
    "what is under way when everything is forgotten",
    "keyring",
    "keyring",
    "signing out forgets every key, whatever is under way",
    `if (generation !== this.#generation) throw new Refusal("forgotten");`,
    "",
  ],
  [
    "that an identity is forgotten",
    "keyring",
    "keyring",
    "signing out forgets every key, whatever is under way",
    "this.#generation += 1;\n    this.#unlocks.clear();\n    this.#identity = null;",
    "this.#generation += 1;\n    this.#unlocks.clear();",
  ],
  ["the idle time", "keyring", "keyring", "idle time forgets every key, also on a machine that slept", `this.forget("idle");`, "void 0;"],
];

const folder = await mkdtemp(join(tmpdir(), "celosia-page-"));
after(() => rm(folder, { recursive: true }));

for (const [at, [what, module, subject, name, there, instead]] of removed.entries()) {
  test(`without ${what}, a case fails: ${name}`, async () => {
    const copy = join(folder, String(at));
    await cp(join(page, "assets/seal"), join(copy, "assets/seal"), { recursive: true });
    await cp(join(page, "tests/seal/cases"), join(copy, "tests/seal/cases"), { recursive: true });
    await symlink(join(page, "assets/vendor"), join(copy, "assets/vendor"));
    await writeFile(join(copy, "package.json"), '{ "type": "module" }');

    const file = join(copy, "assets/seal", `${module}.js`);
    const text = await readFile(file, "utf8");
    if (text.split(there).length !== 2) throw new Error(`${module}.js has this ${text.split(there).length - 1} times: ${there}`);
    await writeFile(
      file,
      text.replace(there, () => instead),
    );

    const { default: cases } = await import(pathToFileURL(join(copy, "tests/seal/cases", `${subject}.js`)).href);
    const failed = await cases[name](load).then(
      () => false,
      () => true,
    );
    if (!failed) throw new Error("the case passes all the same: it protects nothing");
  });
}
