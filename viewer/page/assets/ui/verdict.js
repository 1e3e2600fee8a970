// A verdict as people see it: a badge of shape, colour and word, and the reasons in sentences.

import { drawing, element, say } from "./element.js";
import { hasText, number, text, time } from "./text.js";

/** @typedef {import("../assess/verdict.js").Verdict} Verdict */
/** @typedef {import("../assess/verdict.js").Finding} Finding */
/** @typedef {import("../assess/verdict.js").Reason} Reason */

const TICK = "M3 8.5 6.5 12 13 4.5";
const GAPS = "M2.5 8h3M8 8h.01M10.5 8h3";
const CLOCK = "M8 4.5V8l2.2 1.6M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8z";
const CROSS = "M4 4l8 8M12 4l-8 8";
const QUESTION = "M5.6 6a2.4 2.4 0 1 1 3.5 2.1c-.8.4-1.1.9-1.1 1.6M8 12.4h.01";
const DOTS = "M3.5 8h.01M8 8h.01M12.5 8h.01";

/** @type {Record<Verdict, [mood: "good" | "wait" | "warn" | "bad", path: string]>} */
const LOOKS = {
  authentic: ["good", TICK],
  "with-gaps": ["warn", GAPS],
  "not-enough-yet": ["wait", DOTS],
  "not-live": ["warn", CLOCK],
  withheld: ["warn", QUESTION],
  "unknown-camera": ["bad", QUESTION],
  revoked: ["bad", CROSS],
  tampered: ["bad", CROSS],
};

/** An empty badge; {@link showBadge} fills it. */
export function badge() {
  return element("span", { class: "badge" });
}

/**
 * @param {HTMLElement} place
 * @param {Verdict} verdict
 */
export function showBadge(place, verdict) {
  const words = text(`verdict.${verdict}`);
  if (place.dataset.verdict === verdict && place.textContent === words) return;
  const [mood, path] = LOOKS[verdict];
  place.dataset.verdict = verdict;
  place.dataset.mood = mood;
  place.replaceChildren(drawing(path), element("span", {}, words));
}

/**
 * The reasons as sentences, in a list that is only touched where it changed.
 * @param {HTMLElement} list
 * @param {Finding[]} findings
 */
export function showReasons(list, findings) {
  while (list.children.length > findings.length) list.lastElementChild?.remove();
  findings.forEach(({ reason, count }, at) => {
    const item = list.children[at]?.firstElementChild ?? element("span");
    if (!item.parentElement) list.append(element("li", {}, item));
    const sentence = sentenceOf(reason);
    say(item, count > 1 ? text("why.times", { text: sentence.replace(/[.]$/, ""), count: number(count) }) : sentence);
  });
}

/** @param {Reason} reason */
function sentenceOf(reason) {
  if (reason.kind === "unknown-camera") return text(`why.unknown-camera.${reason.why}`);
  /** @type {Record<string, string>} */
  const values = {};
  for (const [key, value] of Object.entries(reason)) {
    if (typeof value === "bigint") values[key] = ["since", "capturedAt", "now"].includes(key) ? time(value) : String(value);
    else if (typeof value === "string") values[key] = value;
  }
  if (reason.refusal) values.refusal = text(`refusal.${reason.refusal}`);
  if (reason.label) values.label = labelName(reason.label);
  return text(`why.${reason.kind}`, values);
}

/**
 * A label in the reader's language, if it is built in; else as its owner named it.
 * @param {string} label
 */
export function labelName(label) {
  return hasText(`label.${label}`) ? text(`label.${label}`) : label;
}
