// One camera being watched: messages in, verified pictures on its canvas, and what can be said about them.

import { MEMORY, PATIENCE, TOLERANCE, Assessor } from "../assess/assess.js";
import { verdictOf } from "../assess/verdict.js";
import { hex } from "../wire/bytes.js";
import { encodeSubscribe, encodeUnsubscribe } from "../wire/message.js";
import { Stranger, introduce } from "./certificate.js";
import { Painter } from "./decode.js";

/** @typedef {import("../wire/message.js").Message} Message */
/** @typedef {import("../wire/verify.js").VerifiedFrame} VerifiedFrame */
/** @typedef {import("../wire/verify.js").VerifiedRecord} VerifiedRecord */
/** @typedef {import("../assess/verdict.js").Place} Place */
/** @typedef {import("../assess/verdict.js").Report} Report */
/** @typedef {{ id: string, root: string }} Pin the camera and the root that were met under a name, in hexadecimal digits */
/**
 * @typedef {{ session: bigint, sequence: bigint, group: bigint, capturedAt: bigint, width: number, height: number, codec: string,
 *   failClosed: boolean, detector: string, detectorName: string, source: string, masks: { label: string, count: number }[],
 *   sealed: string[] }} Shown what is known about the picture on the canvas
 */
/** @typedef {{ id: string, root: string, name: string, notAfter: number, isNew: boolean, isAccepted: boolean }} Identity */
/** @typedef {"waiting" | "live" | "offline" | "refused" | "undecodable"} Phase */
/**
 * @typedef {{ name: string, phase: Phase, text: string, report: Report, identity: Identity | null, shown: Shown | null, paintedAt: number | null,
 *   painted: number, skipped: number, skippedAt: number | null, highest: Place | null }} State times in ms since 1970
 */

/** Frames that may wait to be verified: two seconds' worth at most. Behind that, the newest group is next. */
const WAITING = 60;
/** How long a refused subscription rests before it is tried again, in ms, first and at most. */
const RETRY = [1_000, 10_000];

/** A camera on a canvas. */
export class Watch {
  /**
   * @param {string} name
   * @param {number} subscription
   * @param {OffscreenCanvas} canvas
   * @param {Pin | null} pin
   * @param {Place | null} highest
   * @param {{ send: (bytes: Uint8Array<ArrayBuffer>) => void, changed: () => void, met: (identity: Identity) => void }} out
   */
  constructor(name, subscription, canvas, pin, highest, out) {
    this.name = name;
    this.subscription = subscription;
    this.pin = pin;
    this.highest = highest;
    this.out = out;
    /** @type {Phase} */
    this.phase = "waiting";
    this.text = "";
    /** @type {Assessor | null} */
    this.assessor = null;
    /** What came before the camera was introduced. @type {Message[]} */
    this.early = [];
    /** @type {Identity | null} */
    this.identity = null;
    /** @type {import("../assess/assess.js").Standing} */
    this.standing = { kind: "waiting" };
    /** What was found tampered before the connection was made anew. @type {import("../assess/memory.js").Findings["list"]} */
    this.kept = [];
    /** @type {Shown | null} */
    this.shown = null;
    /** @type {number | null} */
    this.paintedAt = null;
    this.painted = 0;
    this.skipped = 0;
    /** @type {number | null} */
    this.skippedAt = null;
    this.waiting = 0;
    /** Frames are dropped until the next key frame. */
    this.isSkipping = false;
    this.turn = Promise.resolve();
    this.generation = 0;
    this.retry = RETRY[0];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.wake = undefined;
    /** @type {Painter<Shown>} */
    this.painter = new Painter(canvas, (shown) => this.show(shown), () => {
      this.phase = "undecodable";
      this.out.changed();
    });
  }

  /** Asks the relay for the camera, from its newest group on. */
  subscribe() {
    clearTimeout(this.timer);
    this.rest();
    this.out.send(encodeSubscribe({
      subscription: this.subscription, camera: this.name, sealed: false, range: null, pace: 0, keyFramesOnly: false,
    }));
  }

  /** Forgets the stream, not what was found. */
  rest() {
    clearTimeout(this.timer);
    clearTimeout(this.wake);
    this.generation += 1;
    if (this.assessor) {
      this.highest = this.assessor.beforeNewestGroup() ?? this.highest;
      this.kept = this.assessor.findings.list.filter(({ reason }) => verdictOf(reason) === "tampered");
    }
    this.assessor = null;
    this.early = [];
    this.waiting = 0;
    this.isSkipping = false;
    this.turn = Promise.resolve();
    this.painter.stop();
    if (this.phase !== "offline") this.phase = "waiting";
  }

  /**
   * The person takes the camera that is there now for the one they mean.
   * @param {Pin} pin
   */
  accept(pin) {
    this.pin = pin;
    this.highest = null;
    this.out.send(encodeUnsubscribe(this.subscription));
    this.subscribe();
  }

  /**
   * Takes in a message of the subscription. One is dealt with after the other.
   * @param {Message} message
   */
  take(message) {
    const { generation } = this;
    if (message.kind === "frame") {
      if (this.isTooMuch(message.frame)) return;
      this.waiting += 1;
    }
    this.turn = this.turn.then(async () => {
      if (generation !== this.generation) return;
      if (message.kind === "frame") this.waiting -= 1;
      try {
        await this.deal(message);
      } catch (error) {
        console.error(`celosia: ${this.name}`, error);
      }
    });
  }

  /**
   * Whether this page is too slow for the frame: then it goes on at the next key frame, like a viewer whose line is slow.
   * @param {Uint8Array} frame
   */
  isTooMuch(frame) {
    const key = frame.length > 1 && (frame[1] & 1) === 1;
    const behind = this.waiting > WAITING || this.painter.isBehind;
    if (behind && !this.isSkipping) {
      this.isSkipping = true;
      this.skippedAt = Date.now();
    }
    if (this.isSkipping && key && !behind) this.isSkipping = false;
    if (this.isSkipping) this.skipped += 1;
    return this.isSkipping;
  }

  /** @param {Message} message */
  async deal(message) {
    if (message.kind === "camera") {
      await this.meet(message);
    } else if (message.kind === "refused") {
      this.refused(message);
    } else if (!this.assessor) {
      if (this.early.length < 64) this.early.push(message);
    } else {
      await this.assess(this.assessor, message);
    }
    this.out.changed();
  }

  /** @param {import("../wire/message.js").Camera} message */
  async meet(message) {
    let introduced;
    try {
      introduced = await introduce(message, Date.now());
      if (introduced.name !== message.name || introduced.name !== this.name) throw new Stranger("name");
    } catch (error) {
      if (!(error instanceof Stranger)) throw error;
      this.standing = { kind: "unknown", why: error.why };
      this.painter.stop();
      this.assessor ??= this.newAssessor(new Uint8Array(32));
      this.assessor.standing = this.standing;
      return;
    }
    const pin = { id: hex(introduced.id), root: introduced.root };
    const isNew = this.pin === null;
    this.pin ??= pin;
    const isAccepted = this.pin.id === pin.id && this.pin.root === pin.root;
    this.identity = { ...pin, name: introduced.name, notAfter: introduced.notAfter, isNew, isAccepted };
    // What was taken back once stays so, though the relay may find an older list.
    const wasRevoked = this.standing.kind === "revoked" && introduced.standing.kind !== "revoked";
    if (!isAccepted) this.standing = { kind: "unknown", why: this.pin.id === pin.id ? "other-root" : "other-camera" };
    else if (!wasRevoked) this.standing = introduced.standing;
    if (isNew) this.out.met(this.identity);
    if (!this.assessor) {
      this.assessor = this.newAssessor(introduced.id);
      this.assessor.standing = this.standing;
      const early = this.early.splice(0);
      for (const one of early) await this.assess(this.assessor, one);
    }
    this.assessor.standing = this.standing;
  }

  /** @param {Uint8Array} camera */
  newAssessor(camera) {
    const assessor = new Assessor({
      camera, live: { tolerance: TOLERANCE, highest: this.highest }, recipient: null, patience: PATIENCE, memory: MEMORY, keyFramesOnly: false,
    });
    assessor.findings.list = this.kept;
    return assessor;
  }

  /**
   * @param {Assessor} assessor
   * @param {Message} message
   */
  async assess(assessor, message) {
    if (message.kind === "epoch-record") await assessor.record(message.record, now());
    else if (message.kind === "grants") await assessor.grants(message);
    else if (message.kind === "frame") await assessor.frame(message.session, message.frame, now());
    else if (message.kind === "gap") {
      assessor.gap(message);
      if (message.cause === "slow") {
        this.skipped += Number(message.last - message.first) + 1;
        this.skippedAt = Date.now();
      }
    }
    await this.drain(assessor);
  }

  /** @param {Assessor} assessor */
  async drain(assessor) {
    const { generation } = this;
    for (let event = await assessor.next(now()); event && generation === this.generation; event = await assessor.next(now())) {
      if (event.kind === "gap" || event.kind === "end") this.painter.lose();
      // Nothing is shown of a camera that nobody vouches for.
      else if (this.standing.kind === "known") this.paint(event.verified, event.record);
    }
    clearTimeout(this.wake);
    const at = assessor.wakeAt();
    if (at !== null && generation === this.generation) {
      this.wake = setTimeout(() => {
        this.turn = this.turn.then(async () => {
          if (generation === this.generation) await this.drain(assessor);
        });
      }, Math.max(at - performance.now(), 0) + 5);
    }
  }

  /**
   * @param {VerifiedFrame} verified
   * @param {VerifiedRecord} verifiedRecord
   */
  paint(verified, { record }) {
    const { frame, context } = verified;
    /** @type {Map<number, Set<number | string>>} */
    const masks = new Map();
    frame.regions.forEach((region, at) => {
      const things = masks.get(region.label) ?? new Set();
      // Rectangles of one tracked thing are one mask; whatever is not tracked counts by its rectangles.
      things.add(region.track || `r${at}`);
      masks.set(region.label, things);
    });
    const name = (/** @type {number | null} */ label) => (label === null ? "" : record.labels.get(label) ?? "");
    this.painter.take(verified, {
      session: context.session.number, sequence: frame.sequence, group: frame.group, capturedAt: frame.capturedAt,
      width: context.width, height: context.height, codec: context.codec, failClosed: frame.flags.failClosed,
      detector: frame.flags.detector, detectorName: record.detector, source: record.source,
      masks: [...masks].map(([label, things]) => ({ label: name(label), count: things.size })),
      sealed: frame.layers.map((layer) => name(layer.label)).filter((label) => label !== ""),
    });
  }

  /** @param {Shown} shown */
  show(shown) {
    this.shown = shown;
    this.paintedAt = Date.now();
    this.painted += 1;
    this.phase = "live";
    this.retry = RETRY[0];
    this.out.changed();
  }

  /** @param {import("../wire/message.js").Refused} refused */
  refused({ reason, text }) {
    this.rest();
    this.phase = reason === "offline" ? "offline" : "refused";
    this.text = text;
    if (reason === "not-allowed" || reason === "unknown-camera" || reason === "signed-out") return;
    this.timer = setTimeout(() => this.subscribe(), this.retry);
    this.retry = Math.min(this.retry * 2, RETRY[1]);
  }

  /** @returns {State} */
  state() {
    const { name, phase, text, identity, shown, paintedAt, painted, skipped, skippedAt } = this;
    /** @type {Report} */
    const nothing = { verdict: "not-enough-yet", findings: [{ reason: { kind: "no-frame-yet" }, count: 1 }] };
    const report = this.assessor?.report(now()) ?? nothing;
    const highest = this.assessor?.beforeNewestGroup() ?? this.highest;
    return { name, phase, text, report, identity, shown, paintedAt, painted, skipped, skippedAt, highest };
  }
}

function now() {
  return { monotonic: performance.now(), wall: BigInt(Date.now()) * 1000n };
}
