// What an assessor remembers: each thing in a list with a bound.

import { hex, same } from "../wire/bytes.js";
import { Group, Refusal } from "../wire/verify.js";
import { comparePlaces, verdictOf } from "./verdict.js";

/** @typedef {import("./verdict.js").Place} Place */
/** @typedef {import("./verdict.js").Reason} Reason */
/** @typedef {import("../wire/frame.js").Frame} Frame */

/** Stretches of sequence numbers: sorted, disjoint, never adjacent; beyond `most` the lowest is forgotten. */
export class Stretches {
  /** @param {number} most */
  constructor(most) {
    this.most = most;
    /** @type {{ session: bigint, first: bigint, last: bigint }[]} */
    this.list = [];
  }

  /**
   * @param {bigint} session
   * @param {bigint} first
   * @param {bigint} last
   */
  insert(session, first, last) {
    if (first > last) return;
    const highest = this.list.at(-1);
    // What is inserted mostly continues the highest.
    if (highest && highest.session === session && highest.last + 1n === first) {
      highest.last = last;
      return;
    }
    const fresh = { session, first, last };
    this.list = this.list.filter((old) => {
      const touches = old.session === session && old.first <= fresh.last + 1n && fresh.first <= old.last + 1n;
      if (touches) {
        if (old.first < fresh.first) fresh.first = old.first;
        if (old.last > fresh.last) fresh.last = old.last;
      }
      return !touches;
    });
    const below = (/** @type {{ session: bigint, first: bigint }} */ old) =>
      comparePlaces({ session: old.session, sequence: old.first }, { session, sequence: fresh.first }) < 0;
    this.list.splice(this.list.filter(below).length, 0, fresh);
    if (this.list.length > this.most) this.list.shift();
  }

  /**
   * Whether all of it is in here. Nothing is in everything.
   * @param {bigint} session
   * @param {bigint} first
   * @param {bigint} last
   */
  cover(session, first, last) {
    return first > last || this.list.some((old) => old.session === session && old.first <= first && old.last >= last);
  }
}

/** What was found so far: the latest of each kind, with its count, so that a hostile stream cannot make it grow. */
export class Findings {
  constructor() {
    /** @type {{ reason: Reason, count: number, last: number }[]} */
    this.list = [];
  }

  /** A copy, to add to. */
  copy() {
    const copy = new Findings();
    copy.list = this.list.map((entry) => ({ ...entry }));
    return copy;
  }

  /**
   * @param {Reason} reason
   * @param {number} at on the monotonic clock, in ms
   * @param {number} count
   */
  add(reason, at, count = 1) {
    const crowded = this.list.length >= 64;
    const known = this.list.find((entry) => entry.reason.kind === reason.kind && (crowded || entry.reason.label === reason.label));
    if (known) {
      known.reason = reason;
      known.count += count;
      known.last = Math.max(known.last, at);
    } else {
      this.list.push({ reason, count, last: at });
    }
  }

  /**
   * What still weighs: everything tampered, and of the rest what is younger than `memory` ms.
   * @param {number | null} memory
   * @param {number} now
   */
  current(memory, now) {
    const weighs = (/** @type {{ reason: Reason, last: number }} */ entry) =>
      verdictOf(entry.reason) === "tampered" || memory === null || now < entry.last + memory;
    return this.list.filter(weighs).map(({ reason, count }) => ({ reason, count }));
  }
}

/** @typedef {{ frame: Frame, arrived: number }} Held since when, on the monotonic clock in ms */
/**
 * @typedef {{ place: Place, held: Held, other: Held | null, repeated: number }} Waiting what waits at one place: a frame, another one for
 *   the same place, and how often the very same bytes came again
 */

/** Frames that wait for the ones before them, in the camera's order and within bounds. */
export class Hold {
  constructor() {
    /** @type {Waiting[]} */
    this.list = [];
    this.bytes = 0;
  }

  /**
   * Keeps a frame. Of several for one place, two are kept.
   * @param {Place} place
   * @param {Held} held
   */
  insert(place, held) {
    const at = this.list.findIndex((waiting) => comparePlaces(waiting.place, place) >= 0);
    const waiting = at >= 0 && comparePlaces(this.list[at].place, place) === 0 ? this.list[at] : null;
    if (!waiting) {
      this.list.splice(at < 0 ? this.list.length : at, 0, { place, held, other: null, repeated: 0 });
    } else if (same(waiting.held.frame.wire, held.frame.wire)) {
      waiting.repeated += 1;
      return;
    } else if (!waiting.other) {
      waiting.other = held;
    } else {
      return;
    }
    this.bytes += held.frame.wire.length;
  }

  /** @returns {Waiting | undefined} */
  first() {
    return this.list[0];
  }

  /** Takes the first one out. */
  shift() {
    const waiting = this.list.shift();
    if (waiting) this.bytes -= waiting.held.frame.wire.length + (waiting.other?.frame.wire.length ?? 0);
    return waiting;
  }

  isOverfull() {
    return this.list.length > 512 || this.bytes > 128 << 20;
  }
}

/** What was delivered, to tell a frame that comes again, or a second one signed for its place, from one that is merely late. */
export class Past {
  constructor() {
    /** @type {{ place: Place, digest: string, before: Group | null }[]} */
    this.recent = [];
    this.delivered = new Stretches(1024);
    /** The recent ones, in hexadecimal digits. */
    this.digests = new Set();
  }

  /**
   * Frames come in the camera's order.
   * @param {Place} place
   * @param {Uint8Array} digest
   * @param {Group | null} before the group before this frame was verified; none before a key frame
   */
  push(place, digest, before) {
    if (this.recent.length >= 1024) {
      const oldest = this.recent.shift();
      if (oldest) this.digests.delete(oldest.digest);
    }
    this.recent.push({ place, digest: hex(digest), before });
    this.digests.add(hex(digest));
    this.delivered.insert(place.session, place.sequence, place.sequence);
  }

  /** @param {Place} place */
  contains(place) {
    return this.delivered.cover(place.session, place.sequence, place.sequence);
  }

  /**
   * The digest of the frame at that place in hexadecimal digits, if it is remembered.
   * @param {Place} place
   */
  digest(place) {
    return this.seen(place)?.digest ?? null;
  }

  /** @param {Uint8Array} digest */
  hasDigest(digest) {
    return this.digests.has(hex(digest));
  }

  /**
   * Verifies another frame for a place whose group is remembered: its digest, or why it does not hold; null where nothing can be said.
   * @param {Place} place
   * @param {Frame} frame
   * @returns {Promise<string | Refusal | null>}
   */
  async verify(place, frame) {
    const before = this.seen(place)?.before;
    if (!before) return null;
    try {
      return hex((await before.next(frame)).verified.digest);
    } catch (error) {
      return Refusal.of(error);
    }
  }

  /** @param {Place} place */
  seen(place) {
    for (let at = this.recent.length - 1; at >= 0; at -= 1) {
      const order = comparePlaces(this.recent[at].place, place);
      if (order === 0) return this.recent[at];
      if (order < 0) return undefined;
    }
    return undefined;
  }
}
