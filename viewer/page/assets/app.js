// The page: which cameras there are, on a grid or one alone.

import { Cameras } from "./cameras.js";
import { element, say } from "./ui/element.js";
import { Panel } from "./ui/panel.js";
import { LANGUAGES, chooseLanguage, currentLanguage, text } from "./ui/text.js";
import { badge, showBadge } from "./ui/verdict.js";

/** @typedef {import("./cameras.js").Camera} Camera */

/** How often the list of cameras is asked for anew, in ms. */
const LIST_EVERY = 30_000;
/** How often what shows an age is shown anew, in ms. */
const TICK = 1_000;

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const wall = /** @type {HTMLButtonElement} */ (document.getElementById("wall"));
const linkWords = /** @type {HTMLElement} */ (document.getElementById("link"));
const announcer = /** @type {HTMLElement} */ (document.getElementById("announcer"));
const languages = /** @type {HTMLSelectElement} */ (document.getElementById("language"));

const cameras = new Cameras(show);
const panel = new Panel();
/** The badges on the screen, by camera. @type {Map<string, HTMLElement>} */
const badges = new Map();
/** Watches which cards are on the screen. */
const inSight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const name = /** @type {HTMLElement} */ (target).dataset.camera ?? "";
    if (isIntersecting) cameras.watch(name);
    else cameras.leave(name);
  }
}, { rootMargin: "20%" });

/** @type {"loading" | "ready" | "unreachable"} */
let condition = "loading";
/** What is on the screen, so that it is only built anew when it is another. */
let built = "";

/** The camera that the address names, or null for the grid. */
function named() {
  const found = /^#\/camera\/([a-z0-9._-]{3,32})$/.exec(location.hash);
  return found ? found[1] : null;
}

/** Builds what belongs on the screen, if it is not there already. */
function build() {
  const name = named();
  const wanted = [condition, name, currentLanguage(), ...cameras.all.keys()].join(" ");
  if (wanted === built) return;
  built = wanted;
  inSight.disconnect();
  badges.clear();
  const camera = name === null ? null : cameras.all.get(name);
  wall.hidden = condition !== "ready" || (name === null ? cameras.all.size === 0 : !camera);
  document.title = camera ? `${camera.name} · Celosia` : "Celosia";
  if (condition === "loading") main.replaceChildren(notice(text("loading"), "", null));
  else if (condition === "unreachable" && cameras.all.size === 0) {
    main.replaceChildren(notice(text("unreachable.title"), text("unreachable.text"), refresh));
  } else if (camera) alone(camera);
  else if (name !== null) main.replaceChildren(notice(text("missing.title"), text("missing.text", { camera: name }), null, true));
  else if (cameras.all.size === 0) main.replaceChildren(notice(text("empty.title"), text("empty.text"), refresh));
  else grid();
}

/**
 * @param {string} title
 * @param {string} words
 * @param {(() => void) | null} retry
 * @param {boolean} back
 */
function notice(title, words, retry, back = false) {
  const place = element("div", { class: "notice" }, element("h1", {}, title), element("p", {}, words));
  if (retry) {
    const button = element("button", { type: "button", class: "strong" }, text("retry"));
    button.addEventListener("click", retry);
    place.append(button);
  }
  if (back) place.append(element("p", {}, element("a", { class: "back", href: "#/" }, text("back"))));
  return place;
}

function grid() {
  const list = element("ul", { class: "grid" });
  for (const camera of cameras.all.values()) {
    const shield = badge();
    badges.set(camera.name, shield);
    const title = element("h2", {}, element("a", { href: `#/camera/${camera.name}` }, camera.name));
    const card = element("li", { class: "card", "data-camera": camera.name }, camera.window.root, element("div", { class: "line" }, title, shield));
    list.append(card);
    inSight.observe(card);
    show(camera);
  }
  main.replaceChildren(element("h1", { class: "unseen" }, text("title")), list);
}

/** @param {Camera} camera */
function alone(camera) {
  for (const other of cameras.all.values()) if (other !== camera) cameras.leave(other.name);
  const head = element("div", { class: "head" }, element("h1", {}, camera.name), element("a", { class: "back", href: "#/" }, text("back")));
  panel.translate();
  main.replaceChildren(element("article", { class: "alone" }, head, camera.window.root, panel.root));
  cameras.watch(camera.name);
  show(camera);
}

/** What was said last of each camera, so that it is said once. @type {Map<string, string>} */
const said = new Map();

/** @param {Camera} camera */
function show(camera) {
  const { state } = camera;
  camera.window.show(state);
  const shield = badges.get(camera.name);
  if (shield) showBadge(shield, state.report.verdict);
  if (named() === camera.name) panel.show(state);
  // Only what somebody must hear: a verdict that changed to the worse or back.
  const { verdict } = state.report;
  if (verdict !== "not-enough-yet" && said.get(camera.name) !== verdict) {
    if (said.has(camera.name) || verdict !== "authentic") say(announcer, `${camera.name}: ${text(`verdict.${verdict}`)}`);
    said.set(camera.name, verdict);
  }
  const words = text(`link.${cameras.link ?? "none"}`);
  say(linkWords, words);
}

/** Puts the fixed words of the page in the reader's language. */
function translate() {
  document.documentElement.lang = currentLanguage();
  for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-text]"))) {
    say(place, text(place.dataset.text ?? ""));
  }
  say(wall, text(document.fullscreenElement ? "wall.leave" : "wall"));
  build();
}

async function refresh() {
  condition = (await cameras.list()) ? "ready" : cameras.all.size > 0 ? "ready" : "unreachable";
  build();
}

for (const [code, words] of Object.entries(LANGUAGES)) {
  languages.append(element("option", { value: code, lang: code, selected: code === currentLanguage() }, words.name));
}
languages.addEventListener("change", () => {
  chooseLanguage(languages.value);
  translate();
});
wall.addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen().catch(() => { /* the browser does not let us */ });
});
document.addEventListener("fullscreenchange", () => say(wall, text(document.fullscreenElement ? "wall.leave" : "wall")));
addEventListener("hashchange", () => {
  build();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});
document.querySelector(".skip")?.addEventListener("click", (event) => {
  // The address names what is shown, so it stays.
  event.preventDefault();
  main.focus();
});
addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
  if (ctrlKey || metaKey || altKey || target instanceof HTMLSelectElement || target instanceof HTMLInputElement) return;
  if (key === "Escape" && named() !== null && !document.fullscreenElement) location.hash = "#/";
  if (key === "f" && !wall.hidden) wall.click();
});
setInterval(() => { for (const camera of cameras.all.values()) if (camera.isWanted) show(camera); }, TICK);
setInterval(() => { if (!document.hidden) refresh(); }, LIST_EVERY);
say(/** @type {HTMLElement} */ (document.getElementById("relay")), location.hostname);
translate();
refresh();
