// Assessing a camera's stream as it comes: frames in any order go in, verified frames in the camera's order come out, and at any moment there
// is a verdict. Knows no clock: the caller hands in both kinds of time. Does what the crate `wire` does (`assess.rs`), step by step, except that
// WebCrypto answers later: whoever calls waits for one call before the next.
//
// A frame waits in the hold until what precedes it was accepted, a bounded time at most. The order of a key frame and the last accepted one says
// what lies between them; the past tells a repetition from a frame that is merely late; the records know what was to be handed out; the findings
// are what the verdict is made of. Whatever a stranger sends, each of them is bounded.

import { Malformed, hex, same } from "../wire/bytes.js";
import { decodeFrame } from "../wire/frame.js";
import { Group, Refusal, verifyRecord } from "../wire/verify.js";
import { recordSignedBytes } from "../wire/record.js";
import { sha256 } from "../wire/verify.js";
import { Findings, Hold, Past, Stretches } from "./memory.js";
import { Order } from "./order.js";
import { Records } from "./records.js";
import { comparePlaces, reportOf } from "./verdict.js";

/** @typedef {import("./verdict.js").Place} Place */
/** @typedef {import("./verdict.js").Reason} Reason */
/** @typedef {import("./order.js").Position} Position */
/** @typedef {import("../wire/frame.js").Frame} Frame */
/** @typedef {import("../wire/verify.js").VerifiedFrame} VerifiedFrame */
/** @typedef {import("../wire/verify.js").VerifiedRecord} VerifiedRecord */
/** @typedef {{ monotonic: number, wall: bigint }} Now ms since any moment, and µs since 1970 */
/**
 * @typedef {{ kind: "waiting" } | { kind: "known", revocationUnknownSince: bigint | null } | { kind: "unknown", why: string }
 *   | { kind: "revoked", since: bigint }} Standing what is known about the camera besides its frames
 */
/**
 * @typedef {{ camera: Uint8Array, live: { tolerance: bigint, highest: Place | null } | null, recipient: Uint8Array | null, patience: number,
 *   memory: number | null, keyFramesOnly: boolean }} Config `live` is null for a stretch of the past; `tolerance` in µs, `patience` and `memory`
 *   in ms
 */
/**
 * @typedef {{ kind: "frame", verified: VerifiedFrame, record: VerifiedRecord } | { kind: "gap", reason: Reason }
 *   | { kind: "end" }} Event
 */

/** How long a frame waits for the ones before it, in ms. */
export const PATIENCE = 500;
/** How long a gap weighs on the verdict of a live stream, in ms. */
export const MEMORY = 60_000;
/** How far a live picture's time may be from the clock here, in µs. */
export const TOLERANCE = 30_000_000n;

/** Assesses one camera's stream. After each thing that came, {@link Assessor.next} is asked until it has nothing more to say. */
export class Assessor {
  /** @param {Config} config */
  constructor(config) {
    this.config = config;
    /** @type {Standing} */
    this.standing = { kind: "waiting" };
    this.records = new Records(config.recipient, config.patience);
    this.hold = new Hold();
    this.givenUp = new Stretches(64);
    /** @type {Group | null} */
    this.group = null;
    /** @type {Position | null} */
    this.position = null;
    /** Where what is shown begins. @type {Place | null} */
    this.first = null;
    this.past = new Past();
    /** @type {{ place: Place, capturedAt: bigint } | null} */
    this.newest = null;
    /** The newest key frame. @type {Place | null} */
    this.opened = null;
    /** The group has no picture to go on from. */
    this.skipping = false;
    this.finished = false;
    this.findings = new Findings();
    /** @type {Event[]} */
    this.events = [];
  }

  /**
   * Takes in an epoch record.
   * @param {import("../wire/record.js").SignedRecord} signed
   * @param {Now} now
   */
  async record(signed, now) {
    if (this.records.find(await sha256(recordSignedBytes(signed)))) return;
    try {
      this.records.add(await verifyRecord(signed, this.config.camera), this.findings, now.monotonic);
    } catch (error) {
      this.findings.add({ kind: "record-refused", refusal: Refusal.of(error).reason }, now.monotonic);
    }
  }

  /**
   * Takes in an epoch's grants.
   * @param {import("../wire/message.js").Grants} message
   */
  async grants(message) {
    await this.records.offer(message);
  }

  /**
   * Our own grants under that record, each one listed in it.
   * @param {Uint8Array} record its digest
   */
  ownGrants(record) {
    return this.records.find(record)?.own?.grants ?? [];
  }

  /**
   * Takes in a frame message. What comes of it, {@link Assessor.next} says.
   * @param {bigint} session
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {Now} now
   */
  async frame(session, bytes, now) {
    let frame;
    try {
      frame = decodeFrame(bytes);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.findings.add({ kind: "not-a-frame", refusal: "malformed" }, now.monotonic);
      return;
    }
    const place = { session, sequence: frame.sequence };
    if (frame.context) {
      if (!same(frame.context.camera, this.config.camera)) return this.refuse(place, "other-camera", now);
      if (frame.context.session.number !== session) return this.refuse(place, "other-session", now);
    }
    if (this.position && comparePlaces(place, placeOf(this.position)) <= 0) {
      await this.late(place, frame, now);
      return;
    }
    this.hold.insert(place, { frame, arrived: now.monotonic });
  }

  /**
   * Takes in the relay's word that frames will not come: what waits for them waits no more. Nothing else is concluded from it.
   * @param {{ session: bigint, first: bigint, last: bigint }} gap
   */
  gap(gap) {
    this.givenUp.insert(gap.session, gap.first, gap.last);
  }

  /** Nothing more will come: whatever waits need not. */
  finish() {
    this.finished = true;
  }

  /**
   * The next thing that can be said, if there is one by now.
   * @param {Now} now
   * @returns {Promise<Event | null>}
   */
  async next(now) {
    for (;;) {
      const event = this.events.shift();
      if (event) return event;
      if (!(await this.step(now))) return null;
    }
  }

  /** When {@link Assessor.next} should be asked again though nothing has come, on the monotonic clock in ms. */
  wakeAt() {
    const first = this.hold.first();
    return first ? first.held.arrived + this.config.patience : null;
  }

  /**
   * The frame before the newest group. Whoever watches again begins at the key frame of a running group, so only what is not newer than this
   * was certainly seen before.
   * @returns {Place | null}
   */
  beforeNewestGroup() {
    if (!this.opened || this.opened.sequence === 0n) return null;
    return { session: this.opened.session, sequence: this.opened.sequence - 1n };
  }

  /**
   * The verdict at this moment.
   * @param {Now} now
   */
  report(now) {
    const all = this.findings.copy();
    this.records.report(this.finished, now.monotonic, all);
    const findings = all.current(this.config.memory, now.monotonic);
    const add = (/** @type {Reason} */ reason) => findings.push({ reason, count: 1 });
    const { standing } = this;
    if (standing.kind === "waiting") add({ kind: "no-certificate-yet" });
    else if (standing.kind === "unknown") add({ kind: "unknown-camera", why: standing.why });
    else if (standing.kind === "revoked") add({ kind: "revoked", since: standing.since });
    else if (standing.revocationUnknownSince !== null) add({ kind: "revocation-unknown", since: standing.revocationUnknownSince });
    const { newest } = this;
    const { live } = this.config;
    if (!newest) {
      add({ kind: this.waitsForRecord() ? "no-record-yet" : "no-frame-yet" });
    } else if (live) {
      const apart = newest.capturedAt > now.wall ? newest.capturedAt - now.wall : now.wall - newest.capturedAt;
      if (apart > live.tolerance) add({ kind: "other-time", capturedAt: newest.capturedAt, now: now.wall });
      if (live.highest && comparePlaces(newest.place, live.highest) <= 0) {
        add({ kind: "seen-before", newest: newest.place, highest: live.highest });
      }
    }
    return reportOf(findings);
  }

  waitsForRecord() {
    const context = this.hold.first()?.held.frame.context;
    return Boolean(context && !this.records.find(context.record));
  }

  /**
   * @param {Place} place
   * @param {import("../wire/verify.js").RefusalName} refusal
   * @param {Now} now
   */
  refuse(place, refusal, now) {
    this.findings.add({ kind: "refused", ...place, refusal }, now.monotonic);
  }

  /**
   * A frame at or behind the position. One that was delivered already is a replay, another one signed for its place is a fork; one that was given
   * up before it came is just late.
   * @param {Place} place
   * @param {Frame} frame
   * @param {Now} now
   */
  async late(place, frame, now) {
    const verified = frame.context ? await this.lateKeyFrame(frame) : await this.past.verify(place, frame);
    const seen = this.past.digest(place);
    if (verified instanceof Refusal) {
      this.refuse(place, verified.reason, now);
    } else if (verified !== null && seen !== null && verified !== seen) {
      this.findings.add({ kind: "forked", ...place }, now.monotonic);
    } else if (this.past.contains(place)) {
      this.findings.add({ kind: "replayed", ...place }, now.monotonic);
    } else if (!this.config.live && this.first && comparePlaces(place, this.first) < 0) {
      // Live, it is from before one joined; of a stretch of the past it belongs to what was asked for, and is not shown.
      this.findings.add({ kind: "missing", session: place.session, first: place.sequence, last: place.sequence }, now.monotonic);
    }
  }

  /**
   * @param {Frame} frame a key frame
   * @returns {Promise<string | Refusal | null>}
   */
  async lateKeyFrame(frame) {
    const known = frame.context && this.records.find(frame.context.record);
    if (!known) return null;
    try {
      return hex((await Group.open(known.record, frame)).verified.digest);
    } catch (error) {
      return Refusal.of(error);
    }
  }

  /**
   * Deals with the first held frame, if that can be done by now. Says whether it was.
   * @param {Now} now
   */
  async step(now) {
    const first = this.hold.first();
    if (!first) return false;
    const { place, held } = first;
    const overdue = this.finished || this.hold.isOverfull() || now.monotonic >= held.arrived + this.config.patience;
    const { context } = held.frame;
    if (!context) return this.stepWithin(place, overdue, now);
    const known = this.records.find(context.record);
    if (!known) {
      if (overdue) this.giveUp(place, now);
      return overdue;
    }
    const { link } = known.record.record;
    const order = Order.of(this.position, this.past, context, place.sequence, link);
    if (this.config.keyFramesOnly) order.ofKeyFrames(link);
    const settled = this.records.settled(context.record, held.arrived, now.monotonic);
    const ready = overdue || (settled && order.waitsForNothing(this.givenUp));
    if (ready) await this.open(place, order, known.record, now);
    return ready;
  }

  /**
   * Deals with a frame that opens no group.
   * @param {Place} place
   * @param {boolean} overdue
   * @param {Now} now
   */
  async stepWithin(place, overdue, now) {
    const next = this.position ? { session: this.position.session.number, sequence: this.position.sequence + 1n } : null;
    const follows = this.group !== null && next !== null && comparePlaces(next, place) === 0;
    const stretch = stretchBefore(this.position, place);
    const hopeless = stretch !== null && this.givenUp.cover(...stretch);
    if (!follows && !overdue && !hopeless) return false;
    const before = this.group && this.group.context.session.number === place.session ? this.group : null;
    if (!before) {
      this.giveUp(place, now);
      return true;
    }
    const waiting = this.hold.shift();
    if (!waiting) return false;
    try {
      const { group, verified } = await before.next(waiting.held.frame);
      if (next && next.sequence < place.sequence) {
        // The chain holds across the numbers: the camera itself skipped them.
        this.findings.add({ kind: "missing", session: place.session, first: next.sequence, last: place.sequence - 1n }, now.monotonic);
      }
      this.group = group;
      this.accept(verified, before, now);
      await this.contend(waiting, now);
    } catch (error) {
      const refusal = Refusal.of(error);
      if (follows) {
        this.refuse(place, refusal.reason, now);
        this.retry(waiting);
      } else {
        // What it must follow is missing, so nothing can be said of it.
        this.lose(place, now);
      }
    }
    return true;
  }

  /**
   * Deals with a key frame whose record is here.
   * @param {Place} place
   * @param {Order} order
   * @param {VerifiedRecord} record
   * @param {Now} now
   */
  async open(place, order, record, now) {
    const waiting = this.hold.shift();
    if (!waiting) return;
    let opened;
    try {
      opened = await Group.open(record, waiting.held.frame);
      if (order.refusal) throw new Refusal(order.refusal);
    } catch (error) {
      this.refuse(place, Refusal.of(error).reason, now);
      this.retry(waiting);
      return;
    }
    for (const { reason } of order.missing) {
      this.findings.add(reason, now.monotonic);
      this.events.push({ kind: "gap", reason });
    }
    for (const reason of order.stated) this.findings.add(reason, now.monotonic);
    this.group = opened.group;
    this.skipping = false;
    this.accept(opened.verified, null, now);
    await this.contend(waiting, now);
  }

  /**
   * @param {VerifiedFrame} verified
   * @param {Group | null} before
   * @param {Now} now
   */
  accept(verified, before, now) {
    const { frame, context, digest } = verified;
    const record = this.group?.record;
    if (!record) return;
    const place = { session: context.session.number, sequence: frame.sequence };
    this.first ??= place;
    this.position = { session: context.session, group: frame.group, sequence: frame.sequence, digest, ended: frame.flags.end };
    this.newest = { place, capturedAt: frame.capturedAt };
    if (frame.flags.key) this.opened = place;
    this.past.push(place, digest, before);
    this.records.used(verified, now.monotonic);
    if (frame.flags.end) {
      this.events.push({ kind: "end" });
      return;
    }
    if (!frame.layers[0].bytes) {
      /** @type {Reason} */
      const reason = { kind: "public-missing", ...place };
      this.findings.add(reason, now.monotonic);
      this.events.push({ kind: "gap", reason });
      this.skipping = true;
    }
    if (!this.skipping) this.events.push({ kind: "frame", verified, record });
  }

  /**
   * What else came for the place of a frame that was accepted just now.
   * @param {import("./memory.js").Waiting} waiting
   * @param {Now} now
   */
  async contend({ place, other, repeated }, now) {
    if (other) await this.late(place, other.frame, now);
    if (repeated > 0) this.findings.add({ kind: "replayed", ...place }, now.monotonic, repeated);
  }

  /**
   * Lets the other frame for the place of a refused one have its turn.
   * @param {import("./memory.js").Waiting} waiting
   */
  retry({ place, other }) {
    if (other) this.hold.insert(place, other);
  }

  /**
   * Lets go of a held frame of which nothing can be said, since its record, its key frame or the one before it is missing.
   * @param {Place} place
   * @param {Now} now
   */
  giveUp(place, now) {
    this.hold.shift();
    this.lose(place, now);
  }

  /**
   * @param {Place} place
   * @param {Now} now
   */
  lose(place, now) {
    const { session, sequence } = place;
    const stretch = stretchBefore(this.position, place);
    const first = stretch ? (stretch[1] < sequence ? stretch[1] : sequence) : 0n;
    this.givenUp.insert(session, first, sequence);
    // Who joins live in the middle of a group could not expect to read its rest.
    if (this.position || !this.config.live) this.findings.add({ kind: "unverifiable", session, sequence }, now.monotonic);
  }
}

/**
 * @param {Position} position
 * @returns {Place}
 */
function placeOf(position) {
  return { session: position.session.number, sequence: position.sequence };
}

/**
 * The stretch between the position and a frame that opens no group. An empty one (first above last) is covered by anything.
 * @param {Position | null} position
 * @param {Place} place
 * @returns {[bigint, bigint, bigint] | null}
 */
function stretchBefore(position, { session, sequence }) {
  if (!position || sequence === 0n) return null;
  const first = position.session.number === session ? position.sequence + 1n : 0n;
  return [session, first, sequence - 1n];
}
