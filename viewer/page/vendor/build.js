// Bundles the libraries that the page uses, each into one ES module, with its licences and a list of versions and hashes:
//
//     npm ci --ignore-scripts && node build.js [OUT]        OUT is ../assets/vendor if it is not named
//
// The same lock file gives the same bytes: `rebuild.test.js` makes them again from npm and compares.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../assets/vendor");

/** Bundle → what the page imports from it. Nothing else of a library is carried along. */
const bundles = {
  "hpke-core": `export { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';`,
  "noble-ed25519": `export { ed25519 } from '@noble/curves/ed25519.js';`,
  "noble-scrypt": `export { scryptAsync } from '@noble/hashes/scrypt.js';`,
  "scure-base": `export { base32nopad, base64, base64urlnopad, hex } from '@scure/base';`,
  "smol-toml": `export { parse } from 'smol-toml';`,
  zxcvbn: `
    import { ZxcvbnFactory } from '@zxcvbn-ts/core';
    import * as common from '@zxcvbn-ts/language-common';
    import * as english from '@zxcvbn-ts/language-en';
    export { ZxcvbnFactory };
    export const graphs = common.adjacencyGraphs;
    export const dictionary = { ...common.dictionary, ...english.dictionary };
  `,
};

/** Whole sources can be read by whoever checks them; of these, which are word lists, only the size counts. */
const minified = new Set(["zxcvbn"]);

const lock = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8")).packages;

/** @param {string} file inside node_modules */
function packageOf(file) {
  const parts = relative(join(here, "node_modules"), file).split(sep);
  return parts.slice(0, parts[0].startsWith("@") ? 2 : 1).join("/");
}

/** @param {string} name */
function licenceOf(name) {
  const folder = join(here, "node_modules", name);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} has no licence file`);
  return readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim();
}

mkdirSync(out, { recursive: true });
const manifest = [];
for (const [name, contents] of Object.entries(bundles)) {
  const result = await build({
    stdin: { contents, resolveDir: here },
    absWorkingDir: here,
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    minify: minified.has(name),
    // A fallback for old versions of node, which has WebCrypto by now.
    external: ["crypto", "node:crypto"],
    metafile: true,
    write: false,
    logLevel: "warning",
  });
  const inputs = Object.entries(result.metafile.outputs)[0][1].inputs;
  const names = Object.entries(inputs).filter(([file, { bytesInOutput }]) => file.startsWith("node_modules") && bytesInOutput > 0);
  const packages = [...new Set(names.map(([file]) => packageOf(join(here, file))))].sort();
  const file = `${name}.js`;
  // Type checkers take it as it is.
  const banner = `// @ts-nocheck\n// ${packages.map((name) => `${name} ${lock[`node_modules/${name}`].version}`).join(", ")}; licences: ${name}.licences.txt\n`;
  const text = banner + result.outputFiles[0].text;
  writeFileSync(join(out, file), text);
  writeFileSync(
    join(out, `${name}.licences.txt`),
    packages.map((name) => `${name}\n\n${licenceOf(name)}\n`).join(`\n${"-".repeat(80)}\n\n`),
  );
  manifest.push({
    file,
    sha256: createHash("sha256").update(text).digest("hex"),
    packages: packages.map((name) => {
      const { version, license, integrity } = lock[`node_modules/${name}`];
      return { name, version, license, integrity };
    }),
  });
}
writeFileSync(join(out, "manifest.json"), `${JSON.stringify(manifest, null, 1)}\n`);
