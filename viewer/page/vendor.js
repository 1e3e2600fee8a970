// Makes assets/vendor/ from the packages in package-lock.json: each library as one ES module, its licences, and the hashes of all.
// `node vendor.js` writes them; the tests make them anew and compare.

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = new URL("./", import.meta.url);

/** What each vendored module offers: its name, and the entry that says what of which package. */
const MODULES = {
  asn1: `
    export { AsnConvert } from "@peculiar/asn1-schema";
    export { BasicConstraints, Certificate, CertificateList, ExtendedKeyUsage, InvalidityDate, KeyUsage, KeyUsageFlags } from "@peculiar/asn1-x509";
    export { ECDSASigValue } from "@peculiar/asn1-ecc";
  `,
};

/** The licence of a package, as it lies in it. */
function licence(folder) {
  const file = readdirSync(folder).find((name) => /^licen[cs]e|^copying/i.test(name));
  if (file) return readFileSync(`${folder}/${file}`, "utf8").trim();
  return `Licence by its package.json: ${JSON.parse(readFileSync(`${folder}/package.json`, "utf8")).license}`;
}

/** Every file of assets/vendor/ by its name. */
export async function vendored() {
  const files = {};
  for (const [name, contents] of Object.entries(MODULES)) {
    const built = await build({
      stdin: { contents, resolveDir: fileURLToPath(here) },
      bundle: true, format: "esm", minify: true, charset: "ascii", target: "es2022", legalComments: "none", banner: { js: "// @ts-nocheck" }, metafile: true, write: false,
      absWorkingDir: fileURLToPath(here),
    });
    files[`${name}.js`] = built.outputFiles[0].text;
    const folders = new Set(Object.keys(built.metafile.inputs).map((path) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean));
    const parts = [...folders].sort().filter((folder) => existsSync(new URL(folder, here))).map((folder) => {
      const path = fileURLToPath(new URL(folder, here));
      const { name: title, version } = JSON.parse(readFileSync(`${path}/package.json`, "utf8"));
      return `== ${title} ${version}\n\n${licence(path)}\n`;
    });
    files[`${name}.licences.txt`] = parts.join("\n");
  }
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  files["hashes.txt"] = Object.entries(files).map(([name, text]) => `${sha256(text)}  ${name}\n`).join("");
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(await vendored())) writeFileSync(new URL(`assets/vendor/${name}`, here), text);
}
