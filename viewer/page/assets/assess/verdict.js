// Verdicts: what a viewer may conclude about what it was sent, always with the reason.

/**
 * @typedef {"tampered" | "revoked" | "unknown-camera" | "not-live" | "withheld" | "with-gaps" | "not-enough-yet" | "authentic"} Verdict
 */

/** In the order in which they apply: the first is shown. @type {readonly Verdict[]} */
export const VERDICTS = ["tampered", "revoked", "unknown-camera", "not-live", "withheld", "with-gaps", "not-enough-yet", "authentic"];

/** Every kind of reason, and the verdict that it leads to. */
const LEADS_TO = /** @type {const} */ ({
  refused: "tampered",
  "record-refused": "tampered",
  "not-a-frame": "tampered",
  forked: "tampered",
  "forked-session": "tampered",
  "link-contradicts": "tampered",
  replayed: "tampered",
  revoked: "revoked",
  "unknown-camera": "unknown-camera",
  "other-time": "not-live",
  "seen-before": "not-live",
  "no-grant-list": "withheld",
  "grant-withheld": "withheld",
  "layer-withheld": "withheld",
  missing: "with-gaps",
  "tail-missing": "with-gaps",
  "tail-unknown": "with-gaps",
  "sessions-missing": "with-gaps",
  "public-missing": "with-gaps",
  unverifiable: "with-gaps",
  "no-frame-yet": "not-enough-yet",
  "no-record-yet": "not-enough-yet",
  "no-certificate-yet": "not-enough-yet",
  "revocation-unknown": "authentic",
});

/** @typedef {keyof typeof LEADS_TO} ReasonKind */
/**
 * @typedef {{ kind: ReasonKind, session?: bigint, sequence?: bigint, first?: bigint, last?: bigint, until?: bigint, after?: bigint,
 *   before?: bigint, epoch?: bigint, since?: bigint, capturedAt?: bigint, now?: bigint, newest?: Place, highest?: Place, label?: string,
 *   refusal?: import("../wire/verify.js").RefusalName, why?: string }} Reason times in µs since 1970
 */
/** @typedef {{ reason: Reason, count: number }} Finding a reason with how often it held; the latest of its kind */
/** @typedef {{ session: bigint, sequence: bigint }} Place the camera's order */
/** @typedef {{ verdict: Verdict, findings: Finding[] }} Report all reasons, those of the verdict first */

/** @param {Reason} reason */
export function verdictOf(reason) {
  return LEADS_TO[reason.kind];
}

/**
 * @param {Finding[]} findings
 * @returns {Report}
 */
export function reportOf(findings) {
  const rank = (/** @type {Finding} */ finding) => VERDICTS.indexOf(verdictOf(finding.reason));
  const sorted = [...findings].sort((a, b) => rank(a) - rank(b));
  return { verdict: sorted.length ? verdictOf(sorted[0].reason) : "authentic", findings: sorted };
}

/**
 * Which place comes first: below 0, 0 or above 0.
 * @param {Place} a
 * @param {Place} b
 */
export function comparePlaces(a, b) {
  if (a.session !== b.session) return a.session < b.session ? -1 : 1;
  if (a.sequence !== b.sequence) return a.sequence < b.sequence ? -1 : 1;
  return 0;
}
