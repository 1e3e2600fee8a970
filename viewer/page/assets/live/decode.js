// Decoding: from a verified public layer to a picture on a canvas.

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {import("../wire/verify.js").VerifiedFrame} VerifiedFrame */

/** Pictures that may wait to be decoded: more would be shown late. */
const WAITING = 45;

/**
 * The codec string of an H.264 stream, from the profile, constraints and level of its sequence parameters; null where there are none.
 * @param {Bytes} stream Annex B
 */
export function codecOf(stream) {
  for (let at = 0; at + 6 < stream.length; at += 1) {
    if (stream[at] !== 0 || stream[at + 1] !== 0 || stream[at + 2] !== 1) continue;
    if ((stream[at + 3] & 0x1f) !== 7) continue;
    const digits = [...stream.subarray(at + 4, at + 7)].map((byte) => byte.toString(16).padStart(2, "0"));
    return `avc1.${digits.join("").toUpperCase()}`;
  }
  return null;
}

/**
 * Decodes one camera's public layers, in order, and paints them.
 * @template Note what is told when a picture is on the canvas
 */
export class Painter {
  /**
   * @param {OffscreenCanvas} canvas
   * @param {(note: Note) => void} painted
   * @param {() => void} failed a picture cannot be decoded; the next key frame begins anew
   */
  constructor(canvas, painted, failed) {
    this.canvas = canvas;
    this.context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.painted = painted;
    this.failed = failed;
    /** @type {VideoDecoder | null} */
    this.decoder = null;
    this.codec = "";
    /** Waits for a key frame. */
    this.isLost = true;
    this.number = 0;
    /** What is told of each picture that is being decoded. @type {Map<number, Note>} */
    this.notes = new Map();
    /** Pictures that are being decoded otherwise. */
    this.pending = 0;
    /** A picture is painted after the one before it. */
    this.turn = Promise.resolve();
  }

  /** Whether more pictures wait than can be shown in time. */
  get isBehind() {
    return this.notes.size + this.pending > WAITING;
  }

  /**
   * @param {VerifiedFrame} verified
   * @param {Note} note
   */
  take({ frame, context }, note) {
    const bytes = frame.layers[0].bytes;
    if (!bytes) return;
    if (context.codec === "h264") this.takeVideo(bytes, frame.flags.key, note);
    else this.takePicture(bytes, context.codec === "png" ? "image/png" : "image/jpeg", note);
  }

  /** What comes next does not follow what came before. */
  lose() {
    this.isLost = true;
  }

  /**
   * @param {Bytes} bytes
   * @param {boolean} key
   * @param {Note} note
   */
  takeVideo(bytes, key, note) {
    if (this.isLost && !key) return;
    try {
      if (key) this.begin(bytes);
      this.number += 1;
      this.notes.set(this.number, note);
      this.decoder?.decode(new EncodedVideoChunk({ type: key ? "key" : "delta", timestamp: this.number, data: bytes }));
    } catch {
      this.fail();
    }
  }

  /** @param {Bytes} bytes of a key frame */
  begin(bytes) {
    const codec = codecOf(bytes);
    if (!codec) throw new Error("a key frame without its parameters");
    if (this.isLost || !this.decoder || this.codec !== codec) {
      this.stop();
      this.decoder = new VideoDecoder({
        output: (picture) => {
          const note = this.notes.get(picture.timestamp);
          this.notes.delete(picture.timestamp);
          this.paint(picture, picture.displayWidth, picture.displayHeight);
          picture.close();
          if (note !== undefined) this.painted(note);
        },
        error: () => this.fail(),
      });
      this.decoder.configure({ codec, optimizeForLatency: true });
      this.codec = codec;
    }
    this.isLost = false;
  }

  /**
   * @param {Bytes} bytes
   * @param {string} type
   * @param {Note} note
   */
  takePicture(bytes, type, note) {
    this.pending += 1;
    const decoding = createImageBitmap(new Blob([bytes], { type }));
    this.turn = this.turn.then(async () => {
      try {
        const picture = await decoding;
        this.paint(picture, picture.width, picture.height);
        picture.close();
        this.painted(note);
      } catch {
        this.failed();
      } finally {
        this.pending -= 1;
      }
    });
  }

  /**
   * @param {CanvasImageSource} picture
   * @param {number} width
   * @param {number} height
   */
  paint(picture, width, height) {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.drawImage(picture, 0, 0);
  }

  fail() {
    this.isLost = true;
    this.stop();
    this.failed();
  }

  /** Forgets what waits. What is on the canvas stays. */
  stop() {
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.decoder = null;
    this.notes.clear();
    this.isLost = true;
  }
}
