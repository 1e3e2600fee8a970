// What others wrote lies here as it comes out of their packages: made anew from the lock file, every byte is the same.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { vendored } from "../vendor.js";

const folder = new URL("../assets/vendor/", import.meta.url);

test("the vendored libraries are made of what the lock file names", async () => {
  const made = await vendored();
  // What unlocks has its own list, and its own test (tests/seal).
  const listed = JSON.parse(readFileSync(new URL("manifest.json", folder), "utf8"));
  const others = listed.flatMap(({ file }) => [file, file.replace(/\.js$/, ".licences.txt")]);
  assert.deepEqual(readdirSync(folder).sort(), [...Object.keys(made), "manifest.json", ...others].sort());
  for (const [name, text] of Object.entries(made)) {
    assert.ok(readFileSync(new URL(name, folder), "utf8") === text, `${name} is another than its packages make: node vendor.js`);
  }
});

test("their hashes stand beside them, and change with them", () => {
  for (const line of readFileSync(new URL("hashes.txt", folder), "utf8").trim().split("\n")) {
    const [hash, name] = line.split("  ");
    const bytes = readFileSync(new URL(name, folder));
    const sha256 = (all) => createHash("sha256").update(all).digest("hex");
    assert.equal(sha256(bytes), hash, name);
    bytes[0] ^= 1;
    assert.notEqual(sha256(bytes), hash);
  }
});
