// The particulars of one camera and its picture, in plain words.

import { element, say } from "./element.js";
import { day, text, time } from "./text.js";
import { badge, labelName, showBadge, showReasons } from "./verdict.js";

/** @typedef {import("../live/watch.js").State} State */

export class Panel {
  constructor() {
    this.badge = badge();
    this.means = element("p");
    this.reasons = element("ul");
    this.why = element("h3");
    /** @type {Map<string, HTMLElement>} */
    this.fields = new Map();
    this.camera = element("h2");
    this.frame = element("h2");
    const fields = (/** @type {string[]} */ keys) => {
      const list = element("dl");
      for (const key of keys) {
        const value = element("dd");
        list.append(element("dt", { "data-key": key }), value);
        this.fields.set(key, value);
      }
      return list;
    };
    this.root = element("aside", { class: "panel" },
      element("section", { class: "verdict" }, this.badge, this.means, this.why, this.reasons),
      element("section", {}, this.frame, fields(["captured", "masks", "sealed", "detector", "source", "sequence", "size"])),
      element("section", {}, this.camera, fields(["known", "certificate", "id", "root"])));
  }

  /** Puts the fixed words in the reader's language. */
  translate() {
    this.root.setAttribute("aria-label", text("panel"));
    say(this.camera, text("panel.camera"));
    say(this.frame, text("panel.frame"));
    say(this.why, text("panel.why"));
    for (const term of this.root.querySelectorAll("dt")) say(term, text(`field.${term.dataset.key}`));
  }

  /** @param {State} state */
  show(state) {
    const { report, identity, shown } = state;
    showBadge(this.badge, report.verdict);
    const failClosed = shown?.failClosed ? ` ${text("failclosed")}` : "";
    say(this.means, text(`means.${report.verdict}`) + failClosed);
    showReasons(this.reasons, report.findings);
    this.why.hidden = report.findings.length === 0;
    this.reasons.hidden = report.findings.length === 0;

    this.put("id", identity?.id ?? "—", true);
    this.put("root", identity?.root ?? "—", true);
    this.put("known", identity ? text(`known.${identity.isNew ? "new" : identity.isAccepted ? "pinned" : "other"}`) : "—");
    const until = identity && text("certificate.until", { name: identity.name, date: day(identity.notAfter) });
    this.put("certificate", until ?? (report.verdict === "unknown-camera" ? text("certificate.none") : "—"));

    this.put("captured", shown ? time(shown.capturedAt) : "—");
    this.put("sequence", shown ? text("sequence", { sequence: String(shown.sequence), session: String(shown.session) }) : "—");
    this.put("masks", shown ? masks(shown) : "—");
    this.put("sealed", shown ? shown.sealed.map(labelName).join(", ") || text("sealed.none") : "—");
    const name = shown?.detectorName ? ` (${shown.detectorName})` : "";
    this.put("detector", shown ? text(`detector.${shown.detector}`, { name }) : "—");
    this.put("source", shown ? text(`source.${shown.source}`) : "—");
    const size = shown && { width: String(shown.width), height: String(shown.height), codec: shown.codec };
    this.put("size", size ? text("size", size) : "—");
  }

  /**
   * @param {string} key
   * @param {string} words
   * @param {boolean} isCode
   */
  put(key, words, isCode = false) {
    const place = this.fields.get(key);
    if (!place) return;
    if (isCode && !place.firstElementChild) place.append(element("code"));
    say(isCode ? /** @type {Element} */ (place.firstElementChild) : place, words);
  }
}

/** @param {import("../live/watch.js").Shown} shown */
function masks(shown) {
  if (shown.failClosed) return text("masks.whole");
  if (shown.masks.length === 0) return text("masks.none");
  return shown.masks.map(({ label, count }) => text("masks.some", { count: String(count), label: labelName(label) })).join(", ");
}
