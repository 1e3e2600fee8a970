// Why something was not unlocked: a name for each case, whose sentence and next step stand in the page's language files.

/** Every reason that there is. */
export const REASONS = /** @type {const} */ ([
  // passwords and recovery codes
  "password-empty",
  "password-too-long",
  "password-not-text",
  "password-short",
  "password-guessable",
  "not-a-host",
  "not-a-name",
  "not-a-code",
  // a viewer's keys
  "wrong-password",
  "other-keys",
  "not-an-identity",
  "identity-version",
  "public-text",
  "public-version",
  "public-checksum",
  "weak-key",
  // grants
  "grant-suite",
  "grant-length",
  "grant-not-for-you",
  "grant-other-label",
  "grant-refused",
  // layers
  "layer-wrong-key",
  "layer-truncated",
  "layer-too-long",
  "layer-nonsense",
  // the worker that keeps the keys
  "locked",
  "no-grant",
  "no-key-frame",
  "forgotten",
  "busy",
  "not-a-request",
  "not-allowed",
  "gone",
]);

/** @typedef {(typeof REASONS)[number]} Reason */

/** Something was refused. Carries no secret, so it may be shown and logged. */
export class Refusal extends Error {
  /**
   * @param {Reason} reason
   * @param {string | number} [detail] what the sentence names: a version, a number of bytes
   */
  constructor(reason, detail) {
    super(detail === undefined ? reason : `${reason}: ${detail}`);
    this.name = "Refusal";
    this.reason = reason;
    this.detail = detail;
  }
}
