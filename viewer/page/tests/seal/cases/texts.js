// Every refusal has its own sentence and a next step, in every language.

import { REASONS } from "../../../assets/seal/refusal.js";
import { SUGGESTIONS, WARNINGS } from "../../../assets/seal/strength.js";
import english from "../../../assets/seal/texts/en.js";
import spanish from "../../../assets/seal/texts/es.js";
import { ZxcvbnFactory } from "../../../assets/vendor/zxcvbn.js";
import { holds, same } from "./assert.js";

const expected = [
  ...REASONS.flatMap((reason) => [`refused.${reason}`, `refused.${reason}.next`]),
  ...WARNINGS.map((warning) => `password.warning.${warning}`),
  ...SUGGESTIONS.map((suggestion) => `password.suggestion.${suggestion}`),
].sort();

/** @type {Record<string, () => Promise<void>>} */
export default {
  "each reason has a sentence and a next step in each language, and no text is left over": async () => {
    for (const texts of [english, spanish]) {
      same(Object.keys(texts).sort(), expected);
      for (const [name, text] of Object.entries(texts)) holds(/^[A-ZÁÉÍÓÚ].*[.]$/.test(text), `${name} is a sentence`);
    }
  },

  "no two refusals of one subject say the same": async () => {
    for (const texts of [english, spanish]) {
      const sentences = REASONS.map((reason) => texts[`refused.${reason}`]);
      same(new Set(sentences).size, sentences.length);
    }
  },

  "both languages fill in the same words": async () => {
    for (const name of expected) same(english[name].match(/{\w+}/g), spanish[name].match(/{\w+}/g), name);
  },

  "what the strength check can say is known by name": async () => {
    const { warnings, suggestions } = /** @type {any} */ (new ZxcvbnFactory({ dictionary: {}, graphs: {}, maxLength: 1 })).options
      .translations;
    same(Object.keys(warnings).sort(), [...WARNINGS].sort());
    same(Object.keys(suggestions).sort(), [...SUGGESTIONS].sort());
  },
};
