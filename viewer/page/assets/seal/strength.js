// Whether a password may be chosen: 12 characters or more, and zxcvbn's highest score. Words and patterns are looked up here; the
// password goes nowhere. The lists are large (1.7 MB), so this module is loaded when somebody chooses a password, and not before.

import { ZxcvbnFactory, dictionary, graphs } from "../vendor/zxcvbn.js";
import { normalised } from "./password.js";

/** How many characters a new password needs. */
export const MIN_CHARACTERS = 12;

/** zxcvbn's score, from 0 to 4, that a new password needs. */
export const MIN_SCORE = 4;

/** What makes a password easy to guess: names of sentences in the language files, under `password.warning`. */
export const WARNINGS = /** @type {const} */ ([
  "straightRow",
  "keyPattern",
  "simpleRepeat",
  "extendedRepeat",
  "sequences",
  "recentYears",
  "dates",
  "topTen",
  "topHundred",
  "common",
  "similarToCommon",
  "wordByItself",
  "namesByThemselves",
  "commonNames",
  "userInputs",
  "pwned",
]);

/** What to do about it: names of sentences in the language files, under `password.suggestion`. */
export const SUGGESTIONS = /** @type {const} */ ([
  "l33t",
  "reverseWords",
  "allUppercase",
  "capitalization",
  "dates",
  "recentYears",
  "associatedYears",
  "sequences",
  "repeated",
  "longerKeyboardPattern",
  "anotherWord",
  "useWords",
  "noNeed",
  "pwned",
]);

/**
 * @typedef {object} Strength
 * @property {number} score from 0 to 4, for the meter
 * @property {number} characters
 * @property {'password-short' | 'password-guessable' | null} refused `null`: it may be chosen
 * @property {string | null} warning one of `WARNINGS`
 * @property {string[]} suggestions of `SUGGESTIONS`; never empty where it is refused
 */

// What is longer than this is judged by its beginning: it bounds the time that a look takes.
const zxcvbn = new ZxcvbnFactory({ dictionary, graphs, maxLength: 100 });

/**
 * Looks at a password. Says what to do, never a part of the password.
 * @param {string} typed
 * @param {string[]} known what a guesser tries first: the account's name, the relay's
 * @returns {Strength}
 */
export function strength(typed, known) {
  const text = normalised(typed);
  const characters = [...text].length;
  const { score, feedback } = zxcvbn.check(text, known);
  const refused = characters < MIN_CHARACTERS ? "password-short" : score < MIN_SCORE ? "password-guessable" : null;
  const suggestions = refused && feedback.suggestions.length === 0 ? ["anotherWord"] : feedback.suggestions;
  return { score, characters, refused, warning: feedback.warning, suggestions };
}
