// The window that one camera's picture stands in, and what lies over it when there is nothing to see.

import { element, say } from "./element.js";
import { number, span, text } from "./text.js";

/** @typedef {import("../live/watch.js").State} State */

/** A picture that is older than this, in ms, is a lost signal. */
const LOST = 4_000;
/** How long it is shown that frames were skipped, in ms. */
const SKIP_SHOWN = 6_000;

/** One camera's window. It moves from the grid to the view of one camera and back; its canvas is given to the worker once. */
export class Window {
  /** @param {() => void} accept the person takes the camera that is there now */
  constructor(accept) {
    this.canvas = element("canvas", { width: "16", height: "9", role: "img" });
    this.title = element("strong");
    this.words = element("span");
    this.accept = element("button", { type: "button", class: "strong", hidden: true });
    this.accept.addEventListener("click", accept);
    this.veil = element("div", { class: "veil" }, this.title, this.words, this.accept);
    this.live = element("span");
    this.chip = element("div", { class: "chip", hidden: true }, element("span", { class: "dot" }), this.live);
    this.skips = element("div", { class: "chip right", hidden: true });
    this.root = element("div", { class: "window empty" }, this.canvas, this.chip, this.skips, this.veil);
  }

  /** The canvas for the worker. May be asked for once. */
  offscreen() {
    return this.canvas.transferControlToOffscreen();
  }

  /** @param {State} state */
  show(state) {
    const { shown, paintedAt, skippedAt } = state;
    const age = paintedAt === null ? null : Date.now() - paintedAt;
    const isLost = age !== null && age > LOST;
    const [title, words] = veil(state, isLost ? age : null);
    const hasPicture = shown !== null && !isHidden(state);
    this.root.classList.toggle("empty", !hasPicture);
    this.root.classList.toggle("lost", hasPicture && title !== "");
    this.veil.hidden = title === "";
    say(this.title, title);
    say(this.words, words);
    this.accept.hidden = !isSwapped(state);
    say(this.accept, text("accept"));
    this.chip.hidden = title !== "";
    say(this.live, text("live"));
    const skipped = skippedAt !== null && Date.now() - skippedAt < SKIP_SHOWN;
    this.skips.hidden = !skipped || title !== "";
    say(this.skips, text("skipped", { count: number(state.skipped) }));
    if (shown && this.root.style.aspectRatio === "") this.root.style.aspectRatio = `${shown.width} / ${shown.height}`;
    this.canvas.setAttribute("aria-label", text("picture", { camera: state.name, verdict: text(`verdict.${state.report.verdict}`) }));
  }
}

/**
 * Whether nothing of this camera may be seen.
 * @param {State} state
 */
function isHidden({ report }) {
  return report.verdict === "unknown-camera" || report.verdict === "revoked";
}

/**
 * Whether another camera stands under a name that is known.
 * @param {State} state
 */
function isSwapped({ identity, report }) {
  return report.verdict === "unknown-camera" && identity !== null && !identity.isAccepted;
}

/**
 * What stands over the picture: a title and a sentence, both empty where the picture speaks for itself.
 * @param {State} state
 * @param {number | null} age of the last picture, in ms, where the signal is lost
 * @returns {[title: string, words: string]}
 */
function veil(state, age) {
  const { phase, report } = state;
  const said = (/** @type {string} */ key) => /** @type {[string, string]} */ ([text(key), text(`${key}.text`)]);
  if (isSwapped(state)) return said("hidden.other");
  if (report.verdict === "unknown-camera") return said("hidden.unknown");
  if (report.verdict === "revoked") return said("hidden.revoked");
  if (report.verdict === "tampered" && (state.shown === null || age !== null)) return said("hidden.tampered");
  if (phase === "refused") return [text("phase.refused"), state.text];
  if (phase === "undecodable") return said("phase.undecodable");
  if (age !== null) return [phase === "offline" ? text("phase.offline") : text("lost"), text("lost.text", { ago: span(age / 1000) })];
  if (phase === "offline") return said("phase.offline");
  if (state.shown === null) return [text("phase.waiting"), ""];
  return ["", ""];
}
