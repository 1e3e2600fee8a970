// How a key frame stands to the last frame that was accepted: what lies between them, and what they say of each other.

import { hex, same } from "../wire/bytes.js";
import { sameSession } from "../wire/words.js";

/** @typedef {import("./verdict.js").Reason} Reason */
/** @typedef {import("./memory.js").Past} Past */
/** @typedef {import("./memory.js").Stretches} Stretches */
/** @typedef {import("../wire/frame.js").Context} Context */
/** @typedef {import("../wire/record.js").Link} Link */
/** @typedef {import("../wire/verify.js").RefusalName} RefusalName */
/**
 * @typedef {{ session: import("../wire/words.js").Session, group: bigint, sequence: bigint, digest: Uint8Array, ended: boolean }} Position
 *   the last frame that was accepted
 */

/** What a key frame implies. It counts once the frame is verified. */
export class Order {
  constructor() {
    /** What may still come. @type {{ reason: Reason, stretch: [bigint, bigint, bigint] | null }[]} */
    this.missing = [];
    /** What holds however long one waits. @type {Reason[]} */
    this.stated = [];
    /** Why the frame cannot stand beside what was accepted, though it is signed. @type {RefusalName | null} */
    this.refusal = null;
  }

  /**
   * Whether nothing that is missing can still come.
   * @param {Stretches} givenUp
   */
  waitsForNothing(givenUp) {
    return this.missing.every(({ stretch }) => stretch !== null && givenUp.cover(...stretch));
  }

  /**
   * @param {bigint} session
   * @param {bigint} first
   * @param {bigint} last
   */
  lacks(session, first, last) {
    this.missing.push({ reason: { kind: "missing", session, first, last }, stretch: [session, first, last] });
  }

  /**
   * What follows from a key frame of that sequence and context, under a record with that link.
   * @param {Position | null} position
   * @param {Past} past
   * @param {Context} context
   * @param {bigint} sequence
   * @param {Link} link
   */
  static of(position, past, context, sequence, link) {
    const order = new Order();
    if (!position) {
      order.head(context, sequence, false);
    } else if (sameSession(position.session, context.session)) {
      order.within(position, past, context, sequence);
    } else if (position.session.number === context.session.number) {
      order.stated.push({ kind: "forked-session", session: context.session.number });
    } else {
      order.between(position, past, context.session.number, link);
      order.head(context, sequence, true);
    }
    return order;
  }

  /**
   * In the session that was seen last.
   * @param {Position} position
   * @param {Past} past
   * @param {Context} context
   * @param {bigint} sequence
   */
  within(position, past, context, sequence) {
    const session = position.session.number;
    const next = position.sequence + 1n;
    if (position.ended) {
      this.refusal = "ended";
    } else if (context.group <= position.group) {
      this.refusal = "other-group";
    } else if (same(context.previous, position.digest)) {
      // A number that the camera itself skipped: nothing can be waited for.
      if (sequence > next) this.stated.push({ kind: "missing", session, first: next, last: sequence - 1n });
    } else if (sequence <= next || past.hasDigest(context.previous)) {
      // Both are signed, and they contradict each other.
      this.refusal = "chain";
    } else {
      this.lacks(session, next, sequence - 1n);
    }
  }

  /**
   * From the session that was seen last to this one, by this one's word.
   * @param {Position} position
   * @param {Past} past
   * @param {bigint} session
   * @param {Link} link
   */
  between(position, past, session, link) {
    const seen = position.session.number;
    const { last } = link;
    if (!last) {
      this.stated.push({ kind: "link-contradicts", session });
      return;
    }
    if (last.session.number > seen) {
      this.missing.push({ reason: { kind: "sessions-missing", after: seen, before: session }, stretch: null });
      return;
    }
    if (last.session.number < seen) {
      // It does not know the one that was seen (a file that a power cut set back), so it cannot vouch for that one's end.
      if (!position.ended) this.stated.push({ kind: "tail-unknown", session: seen });
      return;
    }
    if (!sameSession(last.session, position.session)) {
      this.stated.push({ kind: "forked-session", session: seen });
      return;
    }
    const exact = link.kind === "ended";
    const digest = past.digest({ session: seen, sequence: last.sequence });
    const contradicts = last.sequence > position.sequence ? position.ended
      : last.sequence === position.sequence ? !same(last.digest, position.digest)
      : exact || (digest !== null && digest !== hex(last.digest));
    if (contradicts) {
      this.stated.push({ kind: "link-contradicts", session });
      return;
    }
    if (last.sequence > position.sequence) {
      const reason = /** @type {Reason} */ ({ kind: "tail-missing", session: seen, until: last.sequence });
      this.missing.push({ reason, stretch: [seen, position.sequence + 1n, last.sequence] });
    }
    if (!exact && !position.ended) this.stated.push({ kind: "tail-unknown", session: seen });
  }

  /**
   * From the session's first frame to this one. Who joins in the middle is told nothing.
   * @param {Context} context
   * @param {bigint} sequence
   * @param {boolean} expected
   */
  head(context, sequence, expected) {
    const session = context.session.number;
    if (sequence === 0n) return;
    if (context.previous.every((byte) => byte === 0)) {
      this.stated.push({ kind: "missing", session, first: 0n, last: sequence - 1n });
    } else if (expected) {
      this.lacks(session, 0n, sequence - 1n);
    }
  }

  /**
   * For somebody who asked for key frames alone: only a session's end, which is one, can be missing.
   * @param {Link} link
   */
  ofKeyFrames(link) {
    const counts = (/** @type {Reason} */ reason) =>
      reason.kind === "tail-missing" ? link.kind === "ended" : reason.kind !== "missing";
    this.missing = this.missing.filter(({ reason }) => counts(reason));
    this.stated = this.stated.filter(counts);
    return this;
  }
}
