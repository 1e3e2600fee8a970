// The rule for a new password.

import { SUGGESTIONS, WARNINGS, strength } from "../../../assets/seal/strength.js";
import { holds, refused, same } from "./assert.js";

/** @type {Record<string, () => Promise<void>>} */
export default {
  "weak passwords are refused with something to do about it": async () => {
    for (const [weak, known] of /** @type {[string, string[]][]} */ ([
      ["password12345678", []],
      ["aaaaaaaaaaaaaaaa", []],
      ["qwertyuiop1234", []],
      ["front-door-front-door", ["front-door"]],
      ["Tr0ub4dor&3", []],
      ["contraseña", []],
      ["abcdefghijklmnop", []],
      ["19841984198419841984", []],
      ["guard.relay.example.org", ["guard", "relay.example.org"]],
    ])) {
      const found = strength(weak, known);
      holds(found.refused, weak);
      holds(found.suggestions.length > 0, `${weak}: nothing to do about it`);
      holds(
        found.suggestions.every((name) => SUGGESTIONS.includes(/** @type {any} */ (name))),
        `${weak}: ${found.suggestions}`,
      );
      holds(found.warning === null || WARNINGS.includes(/** @type {any} */ (found.warning)), `${weak}: ${found.warning}`);
    }
    same(strength("Tr0ub4dor&3", []).refused, "password-short");
    same(strength("celosía celo", []).characters, 12, "characters, not bytes");
    same(strength("celosi\u0301a celo", []).characters, 12, "in the form that is stretched");
  },

  "good ones are taken": async () => {
    for (const good of ["plough candle orbit thistle", "contraseña celosía 1789 🔒", "ladder copper violin marsh"])
      same(strength(good, ["guard"]).refused, null, good);
  },

  "what is known of somebody counts against a password": async () => {
    const known = ["thistle-orbit-relay"];
    same(strength("thistle-orbit-relay", []).refused, null, "control");
    same(strength("thistle-orbit-relay", known).refused, "password-guessable");
  },

  "a long password takes no long look": async () => {
    strength("4@8({[3&€ß".repeat(60), []);
    await refused("password-too-long", () => strength("x".repeat(1 << 20), []));
  },
};
