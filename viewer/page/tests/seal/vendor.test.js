// The vendored libraries are what npm has under their versions: made again, they are the same bytes.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const vendor = fileURLToPath(new URL("../../vendor/", import.meta.url));
const assets = fileURLToPath(new URL("../../assets/vendor/", import.meta.url));

/** @param {{ file: string, sha256: string }[]} manifest */
async function changed(manifest) {
  const differ = [];
  for (const { file, sha256 } of manifest) {
    const digest = createHash("sha256").update(await readFile(join(assets, file)));
    if (digest.digest("hex") !== sha256) differ.push(file);
  }
  return differ;
}

test("made again from npm, the libraries are the same bytes", { timeout: 300_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "celosia-vendor-"));
  try {
    for (const file of ["package.json", "package-lock.json", "build.js"]) await cp(join(vendor, file), join(folder, file));
    await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
    await run(process.execPath, ["build.js", join(folder, "out")], { cwd: folder });
    const made = (await readdir(join(folder, "out"))).sort();
    for (const file of made) {
      const [one, other] = await Promise.all([readFile(join(folder, "out", file)), readFile(join(assets, file))]);
      if (!one.equals(other)) throw new Error(`${file} is not what build.js makes of npm's package`);
    }
    const { length } = made.filter((file) => file.endsWith(".js"));
    const manifest = JSON.parse(await readFile(join(assets, "manifest.json"), "utf8"));
    if (length === 0 || length !== manifest.length) throw new Error("the manifest names other libraries");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the manifest has the hash and the licence of every library", async () => {
  const manifest = JSON.parse(await readFile(join(assets, "manifest.json"), "utf8"));
  const differ = await changed(manifest);
  if (differ.length > 0) throw new Error(`not those of the manifest: ${differ}`);
  for (const { file, packages } of manifest) {
    const licence = await readFile(join(assets, file.replace(/js$/, "licences.txt")), "utf8");
    for (const { name, version, license } of packages) {
      if (!licence.includes(`${name}\n`) || !version) throw new Error(`${file}: no licence text of ${name}`);
      if (!["MIT", "BSD-3-Clause", "Apache-2.0", "ISC"].includes(license)) throw new Error(`${name}: ${license}`);
    }
  }
});

test("control: a changed library is found", async () => {
  const manifest = JSON.parse(await readFile(join(assets, "manifest.json"), "utf8"));
  const differ = await changed([{ ...manifest[0], sha256: "0".repeat(64) }]);
  if (differ.length !== 1) throw new Error("not found");
});
