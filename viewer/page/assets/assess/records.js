// The epoch records that came, the grants under them that are ours, and what was kept back.

import { hex, same } from "../wire/bytes.js";
import { sha256 } from "../wire/verify.js";
import { sameSession } from "../wire/words.js";

/** @typedef {import("../wire/verify.js").VerifiedRecord} VerifiedRecord */
/** @typedef {import("../wire/verify.js").VerifiedFrame} VerifiedFrame */
/** @typedef {import("../wire/message.js").Grants} GrantsMessage */
/** @typedef {import("../wire/grants.js").Grant} Grant */
/** @typedef {import("./memory.js").Findings} Findings */
/** @typedef {{ grants: Grant[], missing: number[] }} Own what a message of grants holds for us */
/**
 * @typedef {{ record: VerifiedRecord, digest: string, own: Own | null, wanted: number | null, frames: number, last: number,
 *   withheld: { label: number, count: number, last: number }[] }} Known `wanted`: when its first frame came; `frames`, `last`: how many were
 *   accepted, and when the last one
 */

const MAX_RECORDS = 64;
const MAX_SESSIONS = 256;
const MAX_EARLY = 8;

export class Records {
  /**
   * @param {Uint8Array | null} recipient the key whose sealed layers were asked for
   * @param {number} patience ms
   */
  constructor(recipient, patience) {
    this.recipient = recipient;
    this.patience = patience;
    /** The one that was used last is the last; the first is forgotten first. @type {Known[]} */
    this.list = [];
    /** @type {{ record: string, list: Uint8Array, own: Own }[]} */
    this.early = [];
    /** @type {Map<bigint, import("../wire/words.js").Session>} */
    this.sessions = new Map();
  }

  /** @param {Uint8Array} digest */
  find(digest) {
    const text = hex(digest);
    return this.list.find((known) => known.digest === text) ?? null;
  }

  /**
   * Takes in a record; what it contradicts or displaces goes to the findings.
   * @param {VerifiedRecord} record
   * @param {Findings} findings
   * @param {number} now
   */
  add(record, findings, now) {
    this.noteSessions(record, findings, now);
    if (this.list.length >= MAX_RECORDS) {
      const old = this.list.shift();
      if (old && this.recipient) this.findKept(old, () => true, findings);
    }
    const digest = hex(record.digest);
    // The last one is in use: a flood of old records must not make it forgotten, and with it what was withheld under it.
    const last = this.list.at(-1);
    const at = this.list.length - (last && last.wanted !== null ? 1 : 0);
    this.list.splice(at, 0, { record, digest, own: null, wanted: null, frames: 0, last: now, withheld: [] });
    const ready = this.early.filter((early) => early.record === digest);
    this.early = this.early.filter((early) => early.record !== digest);
    for (const { list, own } of ready) this.settle(digest, list, own);
  }

  /**
   * Both the session itself and the one that it names as its predecessor are the camera's word.
   * @param {VerifiedRecord} record
   * @param {Findings} findings
   * @param {number} now
   */
  noteSessions({ record }, findings, now) {
    for (const session of [record.session, record.link.last?.session]) {
      if (!session) continue;
      const known = this.sessions.get(session.number);
      if (known && !sameSession(known, session)) findings.add({ kind: "forked-session", session: session.number }, now);
      if (!known) this.sessions.set(session.number, session);
      if (this.sessions.size > MAX_SESSIONS) this.sessions.delete([...this.sessions.keys()].reduce((a, b) => (a < b ? a : b)));
    }
  }

  /**
   * Takes in an epoch's grants. A list that its record does not name counts as none.
   * @param {GrantsMessage} message
   */
  async offer(message) {
    if (!this.recipient) return;
    const own = await ownOf(message, this.recipient);
    const list = await sha256(message.list.wire);
    const record = hex(message.record);
    if (this.find(message.record)) {
      this.settle(record, list, own);
      return;
    }
    if (this.early.length >= MAX_EARLY) this.early.shift();
    this.early.push({ record, list, own });
  }

  /**
   * @param {string} record
   * @param {Uint8Array} list
   * @param {Own} offered
   */
  settle(record, list, offered) {
    const known = this.list.find((one) => one.digest === record);
    if (!known || !same(known.record.record.grants, list)) return;
    if (!known.own) {
      known.own = offered;
      return;
    }
    // Another message with the same list may bring what the first one lacked; nothing is taken back.
    for (const grant of offered.grants) {
      const at = known.own.missing.indexOf(grant.label);
      if (at >= 0) {
        known.own.missing.splice(at, 1);
        known.own.grants.push(grant);
      }
    }
  }

  /**
   * Whether a frame under that record should wait no longer for our grants. The first that asks sets the time.
   * @param {Uint8Array} digest
   * @param {number} arrived
   * @param {number} now
   */
  settled(digest, arrived, now) {
    const known = this.latest(digest);
    if (!known) return false;
    known.wanted ??= arrived;
    return !this.recipient || known.own !== null || now >= known.wanted + this.patience;
  }

  /**
   * Notes an accepted frame: what of it was kept back.
   * @param {VerifiedFrame} verified
   * @param {number} now
   */
  used({ frame, context }, now) {
    const known = this.latest(context.record);
    if (!known) return;
    known.frames += 1;
    known.last = now;
    for (const layer of frame.layers) {
      if (layer.label === null || layer.bytes) continue;
      const withheld = known.withheld.find((one) => one.label === layer.label);
      if (withheld) {
        withheld.count += 1;
        withheld.last = now;
      } else {
        known.withheld.push({ label: layer.label, count: 1, last: now });
      }
    }
  }

  /**
   * What is kept back from us by now; with `finished`, nothing can still come.
   * @param {boolean} finished
   * @param {number} now
   * @param {Findings} findings
   */
  report(finished, now, findings) {
    if (!this.recipient) return;
    for (const known of this.list) this.findKept(known, (wanted) => finished || now >= wanted + this.patience, findings);
  }

  /**
   * @param {Known} known
   * @param {(wanted: number) => boolean} overdue
   * @param {Findings} findings
   */
  findKept(known, overdue, findings) {
    if (known.frames === 0) return;
    const { record } = known.record;
    const name = (/** @type {number} */ label) => record.labels.get(label) ?? "?";
    if (!known.own) {
      if (known.wanted === null || overdue(known.wanted)) findings.add({ kind: "no-grant-list", epoch: record.epoch }, known.last, known.frames);
      return;
    }
    for (const label of known.own.missing) findings.add({ kind: "grant-withheld", label: name(label) }, known.last, known.frames);
    for (const { label, count, last } of known.withheld) {
      if (known.own.grants.some((grant) => grant.label === label)) findings.add({ kind: "layer-withheld", label: name(label) }, last, count);
    }
  }

  /**
   * The record, which counts as used now.
   * @param {Uint8Array} digest
   */
  latest(digest) {
    const known = this.find(digest);
    if (known && this.list.at(-1) !== known) {
      this.list.splice(this.list.indexOf(known), 1);
      this.list.push(known);
    }
    return known;
  }
}

/**
 * @param {GrantsMessage} message
 * @param {Uint8Array} recipient
 * @returns {Promise<Own>}
 */
async function ownOf(message, recipient) {
  /** @type {Own} */
  const own = { grants: [], missing: [] };
  for (const entry of message.list.entries.filter((one) => same(one.recipient, recipient))) {
    let found = null;
    for (const grant of message.grants) {
      if (grant.label !== entry.label || !same(grant.recipient, recipient)) continue;
      if (same(await sha256(grant.wrapped), entry.digest)) found = grant;
    }
    if (found) own.grants.push({ ...found, wrapped: found.wrapped.slice() });
    else own.missing.push(entry.label);
  }
  return own;
}
