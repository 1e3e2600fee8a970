// The cases in Chromium, and the worker: served under the page's own policy, which allows nothing from elsewhere.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { cases } from "./cases.js";
import { unlocking } from "./unlocking.js";

const page = fileURLToPath(new URL("../../", import.meta.url));
const vectors = fileURLToPath(new URL("../../../../seal/vectors/", import.meta.url));
const KINDS = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json" };
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'";

/** @type {import("node:http").Server} */
let server;
/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Record<string, string | null>} */
let ends = {};
/** @type {string[]} */
const complaints = [];

before(
  async () => {
    server = createServer(async (request, response) => {
      const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
      const file = path.startsWith("/vectors/") ? join(vectors, path.slice(9)) : join(page, path);
      try {
        const bytes = await readFile(file);
        response.setHeader("content-type", KINDS[/** @type {keyof typeof KINDS} */ (extname(file))] ?? "application/octet-stream");
        response.setHeader("content-security-policy", POLICY);
        response.end(bytes);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
    const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: [...flags, ...quiet] });
    const tab = await browser.newPage();
    tab.on("console", (message) => complaints.push(message.text()));
    tab.on("pageerror", (error) => complaints.push(String(error)));
    tab.on("request", (request) => {
      if (new URL(request.url()).host !== `127.0.0.1:${port}`) complaints.push(`asked for ${request.url()}`);
    });
    await tab.goto(`http://127.0.0.1:${port}/tests/seal/chromium.html`);
    const handle = await tab.waitForFunction(() => /** @type {any} */ (globalThis).ends, undefined, { timeout: 240_000 });
    ends = /** @type {any} */ (await handle.jsonValue());
  },
  { timeout: 300_000 },
);

after(async () => {
  await browser?.close();
  server?.close();
});

for (const [subject, all] of Object.entries({ ...cases, unlocking })) {
  describe(`${subject}, in Chromium`, () => {
    for (const name of Object.keys(all)) {
      test(name, () => {
        const end = ends[`${subject}: ${name}`];
        if (end === undefined) throw new Error("did not run");
        if (end !== null) throw new Error(end);
      });
    }
  });
}

test("Chromium has nothing to complain about, and asked no other host for anything", () => {
  // Reading the favourite icon is the browser's own idea.
  const real = complaints.filter((complaint) => !complaint.includes("favicon.ico"));
  if (real.length > 0) throw new Error(real.join("\n"));
});
