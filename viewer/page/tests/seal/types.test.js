// The modules are typed, strictly: JSDoc says what everything is, and the compiler finds nothing to object to.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const page = fileURLToPath(new URL("../../", import.meta.url));
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");

/** What the compiler says of a folder. @param {string} folder */
async function objections(folder) {
  const run = promisify(execFile)(process.execPath, [tsc, "--project", folder]);
  return run.then(
    () => "",
    (error) => String(error.stdout || error),
  );
}

test("the compiler finds nothing to object to", async () => {
  const said = await objections(join(page, "tests/seal"));
  if (said) throw new Error(said);
});

test("control: a wrong type is found", async () => {
  const copy = await mkdtemp(join(tmpdir(), "celosia-types-"));
  try {
    await cp(join(page, "assets/seal"), join(copy, "assets/seal"), { recursive: true });
    await symlink(join(page, "assets/vendor"), join(copy, "assets/vendor"));
    await cp(join(page, "tests/seal/tsconfig.json"), join(copy, "tests/seal/tsconfig.json"));
    const file = join(copy, "assets/seal/recovery.js");
    await writeFile(file, `${await readFile(file, "utf8")}\nreveal("not bytes");\n`);
    const said = await objections(join(copy, "tests/seal"));
    if (!said.includes("recovery.js")) throw new Error(`not found: ${said}`);
  } finally {
    await rm(copy, { recursive: true });
  }
});
