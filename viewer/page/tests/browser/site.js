// A real relay with real agents, in a folder that is removed afterwards, and a real browser.

import { execFileSync, spawn } from "node:child_process";
import { createServer } from "node:net";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

import { chromium } from "playwright-core";

const project = fileURLToPath(new URL("../../../../", import.meta.url));
const programs = join(process.env.CARGO_TARGET_DIR ?? join(project, "target"), "debug");

/** Where the pictures of the screens go. */
export const SHOTS = join(process.env.CARGO_TARGET_DIR ?? join(project, "target"), "page-screens");
mkdirSync(SHOTS, { recursive: true });

/** The size of the test's pictures. */
export const WIDTH = 640;
export const HEIGHT = 360;
/** The fixed mask of the test's cameras, on the grid, and its fill (studio swing grey: luma 128). */
export const MASK = { x: 160, y: 96, w: 192, h: 128 };

/** A port that is free for TCP and UDP, most likely. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => { server.once("listening", resolve); });
  const { port } = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

function run(program, args, options = {}) {
  return execFileSync(join(programs, program), args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 60_000, ...options });
}

/** Tries again until it gives something, or fails with what it said last. */
export async function eventually(what, attempt, seconds = 40) {
  const end = performance.now() + seconds * 1000;
  let last;
  while (performance.now() < end) {
    try {
      const found = await attempt();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await sleep(100);
  }
  throw new Error(`${what}: not within ${seconds} s${last ? `: ${last.message}` : ""}`);
}

/** A program that runs until it is stopped. */
class Running {
  constructor(program, args, log) {
    this.log = log;
    this.child = spawn(join(programs, program), args, { stdio: ["ignore", "pipe", "pipe"] });
    this.said = "";
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (text) => { this.said += text; });
    this.ended = new Promise((resolve) => { this.child.once("exit", resolve); });
  }

  async stop(signal = "SIGTERM") {
    if (this.child.exitCode === null) this.child.kill(signal);
    const late = setTimeout(() => this.child.kill("SIGKILL"), 15_000);
    await this.ended;
    clearTimeout(late);
    if (this.log) writeFileSync(this.log, this.said);
  }
}

/** A picture that never changes: bars of colour, so that every place of it is known. */
export function bars(x, y) {
  const at = Math.floor((x * 8) / WIDTH);
  const luma = 40 + at * 24;
  return { y: y < HEIGHT / 2 ? luma : 235 - (luma - 16), u: 90 + at * 10, v: 160 - at * 10 };
}

/** The bars as a Y4M clip of some frames. */
function clip(file, frames, rate) {
  const [halfWidth, halfHeight] = [WIDTH / 2, HEIGHT / 2];
  const picture = Buffer.alloc(WIDTH * HEIGHT * 1.5);
  for (let y = 0; y < HEIGHT; y += 1) for (let x = 0; x < WIDTH; x += 1) picture[y * WIDTH + x] = bars(x, y).y;
  for (let y = 0; y < halfHeight; y += 1) {
    for (let x = 0; x < halfWidth; x += 1) {
      const { u, v } = bars(2 * x, 2 * y);
      picture[WIDTH * HEIGHT + y * halfWidth + x] = u;
      picture[WIDTH * HEIGHT + halfWidth * halfHeight + y * halfWidth + x] = v;
    }
  }
  const parts = [Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${rate}:1 Ip A1:1 C420jpeg\n`)];
  for (let frame = 0; frame < frames; frame += 1) parts.push(Buffer.from("FRAME\n"), picture);
  writeFileSync(file, Buffer.concat(parts));
}

/** A relay and its cameras. */
export class Site {
  static async start(settings = "") {
    for (const program of ["relay-server", "camera-agent"]) {
      if (!existsSync(join(programs, program))) throw new Error(`${program} is not built: cargo build --workspace --all-targets`);
    }
    const site = new Site();
    site.folder = mkdtempSync(join(tmpdir(), "celosia-page-"));
    site.port = await freePort();
    site.at = `127.0.0.1:${site.port}`;
    site.address = `https://${site.at}/`;
    site.agents = [];
    run("relay-server", ["init", "--name", "127.0.0.1", "--name", "localhost", "--dir", join(site.folder, "relay"), "--root-dir", join(site.folder, "root")]);
    site.config = join(site.folder, "relay", "relay.toml");
    const written = readFileSync(site.config, "utf8").replace(/^listen = .*$/m, `listen = "127.0.0.1:${site.port}"`)
      // The owner's keys are in a file and not in an account; and nobody watches over this relay.
      .replace('sealed_access = "granted"', 'sealed_access = "anyone"').replace('listen = "127.0.0.1:7444"', 'listen = "none"');
    writeFileSync(site.config, settings ? settings(written) : written);
    await site.startRelay();
    return site;
  }

  async startRelay() {
    this.relay = new Running("relay-server", ["run", "--config", this.config], join(this.folder, "relay.log"));
    await eventually("the relay listens", () => run("viewer", ["cameras", this.at, "--json"], this.viewer()) !== null);
  }

  viewer() {
    return { env: { ...process.env, CELOSIA_HOME: join(this.folder, "viewer") } };
  }

  /** An identity of somebody who may unlock: its public key, and what the viewer is given to use it. */
  identity() {
    const [file, password] = [join(this.folder, "owner.identity"), join(this.folder, "owner.password")];
    writeFileSync(password, "a lattice before seven windows\n", { mode: 0o600 });
    const { key } = JSON.parse(run("viewer", ["keygen", file, "--password-file", password, "--json"]));
    return { key, unlock: ["--unlock", "--identity", file, "--password-file", password] };
  }

  /** So many frames of a camera as the native viewer unlocks them, each as a PNG in Base64. */
  async watch(name, frames, unlock) {
    const out = join(this.folder, `seen-${name}`);
    const args = ["watch", `${name}@${this.at}`, "--frames", String(frames), "--out", out, ...unlock];
    const viewer = spawn(join(programs, "viewer"), args, { stdio: "ignore", ...this.viewer() });
    const code = await new Promise((resolve) => { viewer.once("exit", resolve); });
    if (code !== 0) throw new Error(`the native viewer ended with ${code}`);
    return readdirSync(out).filter((file) => file.endsWith(".png")).map((file) => readFileSync(join(out, file), "base64"));
  }

  async stopRelay(signal) {
    await this.relay.stop(signal);
  }

  /** A camera of this name: its source's and encoder's lines, what it masks besides. */
  async camera(name, { source = "sample", codec = "h264", detect = false, rate = 15, frames = 30, owner = null } = {}) {
    const folder = join(this.folder, name);
    const invited = JSON.parse(run("relay-server", ["camera", "invite", name, "--config", this.config, "--json"]));
    run("camera-agent", ["enroll", "--relay", this.at, "--dir", join(folder, "agent"), "--ca", invited.root, "--token", invited.token]);
    const lines = ["[camera]", "dir = \"agent\"", `owner = "${owner ? "viewers" : "none"}"`, "[source]"];
    if (source === "sample") {
      lines.push("kind = \"sample\"", `width = ${WIDTH}`, `height = ${HEIGHT}`, `rate = ${rate}.0`);
    } else {
      clip(join(folder, "clip.y4m"), frames, rate);
      lines.push("kind = \"y4m\"", "path = \"clip.y4m\"", "repeat = true");
    }
    lines.push("[detect]", `on = ${detect}`, "look_ahead = \"500ms\"", "[encode]", `codec = "${codec}"`, "group = \"1s\"");
    // A busy machine makes no hole where none is tested.
    lines.push("[publish]", "patience = \"30s\"");
    lines.push("[[mask]]", "label = \"till\"", ...Object.entries(MASK).map(([key, value]) => `${key} = ${value}`));
    const config = join(folder, "agent.toml");
    writeFileSync(config, `${lines.join("\n")}\n`);
    if (owner) run("camera-agent", ["viewers", "add", "owner", "--key", owner, "--owner", "--labels", "till", "--config", config]);
    const agent = new Running("camera-agent", ["run", "--config", config], join(this.folder, `${name}.log`));
    agent.config = config;
    this.agents.push(agent);
    await eventually(`${name} sends`, async () => {
      if (agent.child.exitCode !== null) throw new Error(agent.said.slice(-600));
      const listed = JSON.parse(run("viewer", ["cameras", this.at, "--json"], this.viewer()));
      return JSON.stringify(listed).includes(name) && JSON.stringify(listed).includes("\"live\":true");
    });
    return agent;
  }

  async stop() {
    await Promise.all(this.agents.map((agent) => agent.stop()));
    await this.relay.stop();
    if (process.env.CELOSIA_KEEP) console.log(`kept: ${this.folder}`);
    else rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A browser without a screen, which asks nobody but the relay. */
export async function browser() {
  const found = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
  if (!found) throw new Error("no Chromium is installed: scripts/test-packages.sh");
  return chromium.launch({
    executablePath: found,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

/**
 * A page of its own in the browser, which notes what the console says. `allowed` are patterns of the errors that a test expects; `close` fails
 * on every other.
 */
export async function open(chrome, address, { allowed = [], init = null, ...options } = {}) {
  const context = await chrome.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, locale: "en", ...options });
  const page = await context.newPage();
  const errors = [];
  const foreign = [];
  page.on("console", (message) => { if (message.type() === "error") errors.push(message.text()); });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => {
    const { host } = new URL(request.url());
    if (host !== new URL(address).host && !request.url().startsWith("blob:")) foreign.push(request.url());
  });
  if (init) await page.addInitScript(init);
  await page.goto(address);
  return {
    page, context, errors,
    async close() {
      await context.close();
      const unexpected = errors.filter((text) => !allowed.some((pattern) => pattern.test(text)));
      if (unexpected.length > 0) throw new Error(`the console says: ${unexpected.join(" | ")}`);
      if (foreign.length > 0) throw new Error(`the page asked elsewhere: ${foreign.join(" ")}`);
    },
  };
}

/** The verdict that a camera's badge shows. */
export function verdict(page, name = null) {
  const card = name ? page.locator(`[data-camera="${name}"] .badge`) : page.locator(".badge").first();
  return card.getAttribute("data-verdict", { timeout: 1000 }).catch(() => null);
}

/** The colours of some places of a canvas, as it is painted now: [r, g, b] each; null while nothing is. */
export function pixels(page, places, name = null) {
  return page.evaluate(([at, camera]) => {
    const window_ = camera ? document.querySelector(`[data-camera="${camera}"] .window`) : document.querySelector(".window");
    const canvas = window_?.querySelector("canvas");
    if (!canvas || window_.classList.contains("empty")) return null;
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const context = copy.getContext("2d");
    context.drawImage(canvas, 0, 0);
    return at.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data.slice(0, 3)]);
  }, [places, name]);
}

/** What a pixel of I420 looks like (BT.601, full swing, as the agent's codecs say of themselves). */
export function rgb({ y, u, v }) {
  const [d, e] = [u - 128, v - 128];
  return [y + 1.402 * e, y - 0.344 * d - 0.714 * e, y + 1.772 * d].map((value) => Math.max(0, Math.min(255, Math.round(value))));
}

/** How far two colours are apart, in the channel where it is most. */
export function apart(a, b) {
  return Math.max(...a.map((value, at) => Math.abs(value - b[at])));
}
