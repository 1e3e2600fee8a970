// Watching in a real browser: what is painted, by either way, and what is said when something is not as it should be.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { WebSocket } from "ws";

import { between, flip, lose } from "./evil.js";
import { HEIGHT, MASK, SHOTS, Site, WIDTH, apart, bars, browser, eventually, open, pixels, rgb, verdict } from "./site.js";

/** What the browser itself says when a connection fails: no page can keep it from that. */
const NO_CONNECTION = [/Failed to establish a connection to https:/, /WebSocket connection to .* failed/, /Failed to load resource/];

/** Places well inside the bars, outside the mask. */
const SEEN = [[20, 20], [110, 300], [300, 20], [420, 60], [420, 300], [620, 340], [MASK.x - 8, MASK.y + 40], [MASK.x + MASK.w + 8, MASK.y + 40]];
/** Places inside the mask, its corners too. */
const MASKED = [[2, 2], [MASK.w - 3, 2], [2, MASK.h - 3], [MASK.w - 3, MASK.h - 3], [MASK.w >> 1, MASK.h >> 1]].map(([x, y]) => [MASK.x + x, MASK.y + y]);
/** Lossy codecs, 4:2:0. */
const TOLERANCE = 14;

let site;
let chrome;

before(async () => {
  site = await Site.start((config) => `${config}\n`.replace("certificate_minutes = 14_400", "certificate_minutes = 1"));
  await Promise.all([site.camera("front-door", { source: "y4m" }), site.camera("stills", { source: "y4m", codec: "jpeg", rate: 8 })]);
  chrome = await browser();
});

after(async () => {
  await chrome?.close();
  await site?.stop();
});

/** Waits until a camera's picture is painted and found authentic. A gap that a busy machine made is remembered for a minute. */
function authentic(page, name = "front-door") {
  const found = async () => (await verdict(page, name)) === "authentic" && (await pixels(page, SEEN, name));
  return eventually(`${name} is authentic`, found, 150);
}

/** That the picture is the source's outside of the mask, and one grey inside. */
async function isMasked(page, name) {
  const seen = await pixels(page, SEEN, name);
  SEEN.forEach(([x, y], at) => {
    const expected = rgb(bars(x, y));
    assert.ok(apart(seen[at], expected) <= TOLERANCE, `${name} at ${x}, ${y}: ${seen[at]} instead of ${expected}`);
  });
  const masked = await pixels(page, MASKED, name);
  masked.forEach((colour, at) => {
    assert.ok(apart(colour, masked[0]) <= 6, `${name}: the mask is one colour, not ${colour} and ${masked[0]}`);
    assert.ok(apart(colour, [96, 96, 96]) <= TOLERANCE, `${name}: the mask is grey, not ${colour}`);
    const [x, y] = MASKED[at];
    // The control: the source has another colour there.
    assert.ok(apart(rgb(bars(x, y)), colour) > 0);
  });
  assert.ok(MASKED.some(([x, y], at) => apart(rgb(bars(x, y)), masked[at]) > 3 * TOLERANCE), "the source differs from the fill");
}

function linkOf(page) {
  return page.locator("#link").textContent();
}

test("pictures are painted over WebTransport: the source outside of the mask, a grey inside", async () => {
  const tab = await open(chrome, site.address);
  for (const name of ["front-door", "stills"]) {
    await authentic(tab.page, name);
    await isMasked(tab.page, name);
  }
  assert.equal(await linkOf(tab.page), "WebTransport");
  await tab.close();
});

test("and over WebSocket where UDP is blocked", async () => {
  const proxy = await between(site);
  const tab = await open(chrome, proxy.address, { allowed: NO_CONNECTION });
  for (const name of ["front-door", "stills"]) {
    await authentic(tab.page, name);
    await isMasked(tab.page, name);
  }
  assert.equal(await linkOf(tab.page), "WebSocket");
  await tab.close();
  await proxy.stop();
});

test("of the built-in sample, the page paints what the native viewer unlocks, but for the mask", async () => {
  const { key, unlock } = site.identity();
  const agent = await site.camera("sample", { owner: key });
  const tab = await open(chrome, `${site.address}#/camera/sample`);
  await eventually("painted", () => pixels(tab.page, SEEN));
  // What is on the canvas while the native viewer watches is one of the frames that it sees.
  const watching = site.watch("sample", 60, unlock);
  await sleep(2500);
  await tab.page.evaluate(() => {
    const canvas = document.querySelector(".window canvas");
    globalThis.copy = new OffscreenCanvas(canvas.width, canvas.height);
    globalThis.copy.getContext("2d").drawImage(canvas, 0, 0);
  });
  const originals = await watching;
  const found = await tab.page.evaluate(async ([pictures, mask]) => {
    const { width, height } = globalThis.copy;
    const painted = globalThis.copy.getContext("2d").getImageData(0, 0, width, height).data;
    const isMasked = (x, y) => x >= mask.x && x < mask.x + mask.w && y >= mask.y && y < mask.y + mask.h;
    /** How far a picture is from what is painted, on average, outside of the mask and inside. */
    const distances = [];
    for (const picture of pictures) {
      const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
      const canvas = new OffscreenCanvas(width, height);
      canvas.getContext("2d").drawImage(await createImageBitmap(new Blob([bytes])), 0, 0);
      const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
      const sums = [0, 0];
      for (let at = 0; at < data.length; at += 4) {
        const inside = isMasked((at / 4) % width, Math.floor(at / 4 / width)) ? 1 : 0;
        for (let channel = 0; channel < 3; channel += 1) sums[inside] += Math.abs(data[at + channel] - painted[at + channel]);
      }
      const masked = mask.w * mask.h;
      distances.push([sums[0] / 3 / (width * height - masked), sums[1] / 3 / masked]);
    }
    return distances.sort((a, b) => a[0] - b[0]);
  }, [originals, MASK]);
  const [[outside, inside]] = found;
  assert.ok(outside < 2.5, `the nearest frame differs by ${outside} outside of the mask`);
  assert.ok(inside > 10, `inside it must differ, and does by ${inside}`);
  // The control: other frames are farther from it, so the comparison can fail.
  assert.ok(found.at(-1)[0] > outside + 0.3, `${found.at(-1)[0]} is no farther than ${outside}`);
  const masked = await pixels(tab.page, MASKED);
  for (const colour of masked) assert.ok(apart(colour, masked[0]) <= 6);
  await tab.close();
  await agent.stop();
});

test("the page comes with a policy that lets it speak to nobody else", async () => {
  const tab = await open(chrome, site.address, { allowed: [/Content Security Policy/i, /Refused to connect/, /violates the following/] });
  const { status, headers } = await tab.page.evaluate(async () => {
    const answer = await fetch("/");
    return { status: answer.status, headers: Object.fromEntries(answer.headers) };
  });
  assert.equal(status, 200);
  assert.match(headers["content-security-policy"], /default-src 'none'.*frame-ancestors 'none'/);
  assert.deepEqual([headers["x-content-type-options"], headers["referrer-policy"]], ["nosniff", "no-referrer"]);
  assert.match(headers.etag, /^"[0-9a-f]{32}"$/);
  // The control: what the policy forbids fails.
  const elsewhere = await tab.page.evaluate(() => fetch("https://127.0.0.2:1/").then(() => "reached", () => "refused"));
  assert.equal(elsewhere, "refused");
  await tab.context.close();
});

test("of a relay that tampers, nothing is shown, and the badge says why", async () => {
  const proxy = await between(site, flip);
  const tab = await open(chrome, `${proxy.address}#/camera/front-door`, { allowed: NO_CONNECTION });
  await eventually("tampered", async () => (await verdict(tab.page)) === "tampered");
  await sleep(1500);
  assert.equal(await pixels(tab.page, SEEN), null, "nothing is drawn");
  assert.match(await tab.page.locator(".veil").innerText(), /Tampered with on the way/);
  assert.match(await tab.page.locator(".panel").innerText(), /signature does not hold/);
  await tab.page.screenshot({ path: `${SHOTS}/tampered.png` });
  await tab.close();
  await proxy.stop();
  // The control: the same way without the change.
  const honest = await between(site);
  const same = await open(chrome, honest.address, { allowed: NO_CONNECTION });
  await authentic(same.page);
  await same.close();
  await honest.stop();
});

test("what a relay leaves out is a gap, and the rest is shown", async () => {
  const proxy = await between(site, lose());
  const tab = await open(chrome, proxy.address, { allowed: NO_CONNECTION });
  await eventually("with gaps", async () => (await verdict(tab.page, "front-door")) === "with-gaps");
  await eventually("still painted", () => pixels(tab.page, SEEN, "front-door"));
  await isMasked(tab.page, "front-door");
  await tab.close();
  await proxy.stop();
});

test("another camera under a known name is not shown until a person accepts it", async () => {
  const tab = await open(chrome, site.address);
  await authentic(tab.page);
  const known = await tab.page.evaluate(() => {
    const key = "celosia.camera.front-door";
    const before = localStorage.getItem(key);
    localStorage.setItem(key, JSON.stringify({ ...JSON.parse(before), id: "ab".repeat(32) }));
    return before;
  });
  assert.match(known, /^\{"id":"[0-9a-f]{64}","root":"[0-9a-f]{64}"\}$/, "it was remembered at first sight");
  await tab.page.reload();
  await eventually("unknown", async () => (await verdict(tab.page, "front-door")) === "unknown-camera");
  await sleep(500);
  assert.equal(await pixels(tab.page, SEEN, "front-door"), null);
  await tab.page.screenshot({ path: `${SHOTS}/swapped.png` });
  await tab.page.locator("[data-camera=front-door] .veil button").click();
  await authentic(tab.page);
  assert.equal(await tab.page.evaluate(() => localStorage.getItem("celosia.camera.front-door")), known);
  await tab.close();
});

test("a WebSocket takes what a viewer says from a page of the relay, and nothing else", async () => {
  /** What came of it: the status, or the refusal's number and the end. */
  const speak = (origin, ...words) => new Promise((resolve) => {
    const socket = new WebSocket(`wss://${site.at}/live`, { origin, rejectUnauthorized: false });
    const heard = [];
    socket.on("unexpected-response", (_, { statusCode }) => resolve([statusCode]));
    socket.on("error", () => {});
    socket.on("open", () => { for (const word of words) socket.send(word); });
    // A refusal is kind 13: its reason stands behind the subscription.
    socket.on("message", (data) => heard.push(data[0] === 13 ? `refused ${data.readUInt16BE(5)}` : `kind ${data[0]}`));
    socket.on("close", () => resolve(heard));
  });
  const own = `https://${site.at}`;
  const hello = Buffer.from([1, 1, 0, 0]);
  assert.deepEqual(await speak("https://elsewhere.example"), [403]);
  assert.deepEqual(await speak(undefined), [403]);
  assert.deepEqual(await speak(own, "text"), ["refused 3"], "text is no message");
  assert.deepEqual(await speak(own, Buffer.alloc(300)), ["refused 3"], "longer than anything that a viewer says");
  assert.deepEqual(await speak(own, Buffer.from([1, 2, 0, 0])), ["refused 1"], "another version");
  assert.deepEqual(await speak(own, Buffer.from([4, 0, 0, 0, 1])), ["refused 4"], "no greeting");
  assert.deepEqual(await speak(own, hello, hello), ["kind 1", "refused 4"], "two greetings");
  assert.deepEqual(await speak(own, hello, Buffer.alloc(4096)), ["kind 1"], "what is far too long ends it");
  // Answers to pings that nobody reads would pile up at the relay: who asks for too many is let go, at once.
  const pinging = (count) => new Promise((resolve) => {
    const socket = new WebSocket(`wss://${site.at}/live`, { origin: own, rejectUnauthorized: false });
    const answered = sleep(3000).then(() => "stays");
    socket.on("error", () => {});
    socket.on("open", () => {
      socket.send(hello);
      for (let one = 0; one < count; one += 1) socket.ping();
    });
    const gone = new Promise((left) => { socket.on("close", () => left("is let go")); });
    Promise.race([gone, answered]).then((end) => { socket.terminate(); resolve(end); });
  });
  assert.deepEqual(await Promise.all([pinging(200), pinging(20)]), ["is let go", "stays"]);
  // Who says nothing is let go; the patience is the relay's.
  assert.deepEqual(await speak(own), []);
});

test("a hidden tab stops downloading, and goes on when it is seen again", async () => {
  const tab = await open(chrome, `${site.address}#/camera/front-door`);
  await eventually("painted", () => pixels(tab.page, SEEN));
  const hide = (hidden) => tab.page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  const frame = () => tab.page.locator(".panel dd").nth(5).innerText();
  await hide(true);
  await sleep(700);
  const before = await frame();
  await sleep(1500);
  assert.equal(await frame(), before, "no frame came");
  await hide(false);
  await eventually("it goes on", async () => (await frame()) !== before);
  await tab.close();
});

test("with the keyboard alone: to a camera, its particulars, and back", async () => {
  const tab = await open(chrome, site.address);
  await authentic(tab.page);
  const focused = () => tab.page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");
  const seen = [];
  for (let step = 0; step < 12 && (await focused()) !== "front-door"; step += 1) {
    await tab.page.keyboard.press("Tab");
    seen.push(await focused());
  }
  assert.equal(await focused(), "front-door", seen.join(" → "));
  assert.equal(seen[0], "Skip to the cameras", "first of all, a way past the rest");
  await tab.page.keyboard.press("Enter");
  await eventually("alone", () => tab.page.locator(".panel").isVisible());
  assert.match(await tab.page.locator(".panel").innerText(), /Authentic|Checking|gaps/);
  await tab.page.keyboard.press("Escape");
  await eventually("the grid again", () => tab.page.locator(".grid").isVisible());
  await authentic(tab.page);
  await tab.close();
});

test("the page speaks Spanish too, and says so", async () => {
  const tab = await open(chrome, site.address, { locale: "es-ES" });
  await eventually("authentic", async () => (await verdict(tab.page, "front-door")) === "authentic");
  assert.equal(await tab.page.locator("[data-camera=front-door] .badge").innerText(), "Auténtica");
  assert.equal(await tab.page.evaluate(() => document.documentElement.lang), "es");
  await tab.page.locator("#language").selectOption("en");
  assert.equal(await tab.page.locator("[data-camera=front-door] .badge").innerText(), "Authentic");
  await tab.close();
});

test("a certificate of one minute is changed while the relay runs, and pages connect under the new one", async () => {
  const hashes = async (page) => (await page.evaluate(async () => (await fetch("/api/v1/webtransport")).json())).hashes;
  const tab = await open(chrome, site.address);
  const first = await hashes(tab.page);
  const second = await eventually("the next certificate", async () => {
    const now = await hashes(tab.page);
    return now[0] !== first[0] && now;
  }, 45);
  assert.equal(second[1], first[0], "the one before is told beside it");
  await tab.page.reload();
  await authentic(tab.page);
  assert.equal(await linkOf(tab.page), "WebTransport");
  await tab.close();
});

test("no serious accessibility fault, and every screen has its picture", async () => {
  const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  const devices = { desktop: { viewport: { width: 1280, height: 800 } }, phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true } };
  for (const [device, options] of Object.entries(devices)) {
    for (const colorScheme of ["light", "dark"]) {
      const tab = await open(chrome, site.address, { ...options, colorScheme });
      for (const [screen, hash] of Object.entries({ grid: "#/", alone: "#/camera/front-door", missing: "#/camera/nowhere" })) {
        await tab.page.evaluate((where) => { location.hash = where; }, hash);
        if (screen !== "missing") await eventually("painted", () => pixels(tab.page, SEEN));
        else await tab.page.locator(".notice").waitFor();
        await sleep(300);
        await tab.page.screenshot({ path: `${SHOTS}/${screen}-${device}-${colorScheme}.png`, fullPage: screen === "alone" });
        const wider = await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wider <= 0, `${screen} is ${wider} pixels wider than a ${device}`);
        await tab.page.evaluate(axe);
        const { violations } = await tab.page.evaluate(() => axe.run());
        const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
        assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`), [], `${screen} on a ${device}, ${colorScheme}`);
      }
      await tab.close();
    }
  }
});

test("the first picture is there soon: ten loads", async () => {
  const times = [];
  for (let load = 0; load < 10; load += 1) {
    const tab = await open(chrome, site.address, {
      init: () => {
        const watch = new MutationObserver(() => {
          if (!document.querySelector("[data-camera=front-door] .window:not(.empty)")) return;
          watch.disconnect();
          globalThis.firstPicture = performance.now();
        });
        watch.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
      },
    });
    const [picture, loaded] = await eventually("the first picture", () => tab.page.evaluate(() => globalThis.firstPicture
      && [globalThis.firstPicture, performance.getEntriesByType("navigation")[0].loadEventEnd]));
    times.push([picture - loaded, picture]);
    await tab.close();
  }
  const median = (at) => times.map((time) => time[at]).sort((a, b) => a - b)[times.length >> 1];
  console.log(`# first picture, median of ${times.length} loads: ${median(0).toFixed(0)} ms after the page had loaded, ${median(1).toFixed(0)} ms after it was asked for`);
  assert.equal(times.length, 10);
});

test("a relay that restarts is found again, and the page says meanwhile that the signal is lost", async () => {
  const tab = await open(chrome, site.address, { allowed: NO_CONNECTION });
  await authentic(tab.page);
  await site.stopRelay();
  const veil = tab.page.locator("[data-camera=front-door] .veil");
  await eventually("signal lost", async () => (await veil.isVisible()) && /Signal lost/.test(await veil.innerText()));
  assert.match(await veil.innerText(), /The last picture is from \d+ seconds? ago/);
  await tab.page.screenshot({ path: `${SHOTS}/lost.png` });
  await site.startRelay();
  await eventually("live again", async () => !(await veil.isVisible()) && (await pixels(tab.page, SEEN, "front-door")));
  assert.notEqual(await verdict(tab.page, "front-door"), "tampered");
  await isMasked(tab.page, "front-door");
  await tab.close();
});

test("the pictures have their own size", async () => {
  const tab = await open(chrome, site.address);
  await authentic(tab.page);
  const size = await tab.page.evaluate(() => {
    const { width, height } = document.querySelector("[data-camera=front-door] canvas").getBoundingClientRect();
    return width / height;
  });
  assert.ok(Math.abs(size - WIDTH / HEIGHT) < 0.02);
  await tab.close();
});
