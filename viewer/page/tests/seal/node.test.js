// The cases in node, whose WebCrypto is another than a browser's.

import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { cases } from "./cases.js";

const vectors = new URL("../../../../seal/vectors/", import.meta.url);

/** @param {string} name */
async function load(name) {
  const { vectors: all } = JSON.parse(await readFile(new URL(`${name}.json`, vectors), "utf8"));
  if (all.length === 0) throw new Error(`no vectors: ${name}`);
  return all;
}

for (const [subject, all] of Object.entries(cases)) {
  describe(subject, () => {
    for (const [name, run] of Object.entries(all)) test(name, () => run(load));
  });
}
