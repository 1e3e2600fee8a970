// Both languages say everything, and the same things.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import en from "../assets/texts/en.js";
import es from "../assets/texts/es.js";
import { VERDICTS } from "../assets/assess/verdict.js";

test("every text is there in both languages, with the same words to fill in", () => {
  assert.deepEqual(Object.keys(es), Object.keys(en));
  const words = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [key, text] of Object.entries(en)) {
    assert.ok(es[key].length > 0, key);
    assert.deepEqual(words(es[key]), words(text), key);
  }
  for (const verdict of VERDICTS) assert.ok(en[`verdict.${verdict}`] && en[`means.${verdict}`], verdict);
});

test("every text that the page asks for by name is there", () => {
  const root = new URL("../assets/", import.meta.url);
  const files = ["app.js", ...readdirSync(new URL("ui/", root)).map((name) => `ui/${name}`)];
  const asked = files.flatMap((file) => [...readFileSync(new URL(file, root), "utf8").matchAll(/\btext\("([^"]+)"/g)].map(([, key]) => key));
  const index = [...readFileSync(new URL("index.html", root), "utf8").matchAll(/data-text="([^"]+)"/g)].map(([, key]) => key);
  assert.ok(asked.length > 20);
  for (const key of [...asked, ...index]) assert.ok(key in en, key);
});
