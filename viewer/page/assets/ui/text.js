// The page's words in the reader's language.

import en from "../texts/en.js";
import es from "../texts/es.js";
import { recall, remember } from "../pins.js";

/** @type {Record<string, Record<string, string>>} */
export const LANGUAGES = { en, es };

const KEPT = "celosia.language";

/** What the reader chose, or else what the browser prefers. */
let language = [recall(KEPT), ...navigator.languages.map((name) => name.slice(0, 2))].find((name) => name !== null && name in LANGUAGES) ?? "en";

export function currentLanguage() {
  return language;
}

/** @param {string} chosen */
export function chooseLanguage(chosen) {
  language = chosen in LANGUAGES ? chosen : "en";
  remember(KEPT, language);
}

/**
 * The text under a key, with {words} filled in. A key that is in no language shows itself.
 * @param {string} key
 * @param {Record<string, string>} values
 */
export function text(key, values = {}) {
  const found = LANGUAGES[language][key] ?? en[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/**
 * Whether there is a text under that key.
 * @param {string} key
 */
export function hasText(key) {
  return key in en;
}

/** @param {bigint | number} count */
export function number(count) {
  return new Intl.NumberFormat(language).format(count);
}

/**
 * A time as people read it, to the second.
 * @param {bigint} micros since 1970
 */
export function time(micros) {
  const ms = Number(micros / 1000n);
  // A time that no calendar has is shown as it came.
  if (Math.abs(ms) > 8.64e15) return `${micros} µs`;
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(ms);
}

/** @param {number} ms since 1970 */
export function day(ms) {
  return new Intl.DateTimeFormat(language, { dateStyle: "long" }).format(ms);
}

/**
 * How long ago, in the largest unit that fits.
 * @param {number} seconds
 */
export function span(seconds) {
  const [value, unit] = seconds < 60 ? [seconds, "second"] : seconds < 3600 ? [seconds / 60, "minute"]
    : seconds < 86_400 ? [seconds / 3600, "hour"] : [seconds / 86_400, "day"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 }).format(Math.floor(value));
}
