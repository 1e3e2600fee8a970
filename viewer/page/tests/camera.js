// A camera of the tests: it signs sessions as an agent does, from a plan in which K is a key frame, a dot one that depends, and E the session's end.

import { ascii, concat, Writer } from "../assets/wire/bytes.js";
import { sha256 } from "../assets/wire/verify.js";

const ZERO = new Uint8Array(32);

export class Camera {
  static async make() {
    const camera = new Camera();
    const { privateKey, publicKey } = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    camera.key = privateKey;
    camera.id = new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
    return camera;
  }

  async sign(bytes) {
    return new Uint8Array(await crypto.subtle.sign("Ed25519", this.key, bytes));
  }

  /** A session: its record, and its frames' bytes. `link` is [kind, session number, nonce, sequence, digest]. */
  async film(number, plan, { link = null, nonce = number, start = 1_780_000_000_000_000n } = {}) {
    const session = new Writer(24);
    session.u64(BigInt(number));
    session.put(new Uint8Array(16).fill(nonce));
    const record = await this.record(session.done(), link);
    const frames = [];
    let [group, previous, sequence, context] = [-1n, ZERO, 0n, null];
    for (const letter of plan) {
      const isKey = letter !== ".";
      if (isKey) {
        group += 1n;
        context = this.context(session.done(), group, record.digest, previous);
      }
      const frame = await this.frame(letter, context, group, sequence, start + sequence * 33_333n, previous);
      previous = frame.digest;
      frames.push(frame);
      sequence += 1n;
    }
    return { number: BigInt(number), nonce, record, frames, last: { sequence: sequence - 1n, digest: previous } };
  }

  async record(session, link) {
    const out = new Writer(512);
    out.u8(1);
    out.put(this.id);
    out.put(session);
    const [kind, before, nonce, sequence, digest] = link ?? [0, 0n, 0, 0n, ZERO];
    out.u8(kind);
    out.u64(before);
    out.put(new Uint8Array(16).fill(nonce));
    out.u64(sequence);
    out.put(digest);
    out.u64(0n);
    out.put(Uint8Array.of(4, 0, 0, 0));
    out.u64(1n);
    out.put(ZERO);
    out.put(ZERO);
    const record = out.done().slice();
    const bytes = concat(ascii("celosia epoch v1"), record);
    return { signed: { record, signature: await this.sign(bytes) }, digest: await sha256(bytes) };
  }

  context(session, group, record, previous) {
    const out = new Writer(134);
    out.u8(1);
    out.put(this.id);
    out.put(session);
    out.u64(group);
    out.u8(2);
    out.u16(64);
    out.u16(64);
    out.put(record);
    out.put(previous);
    return out.done();
  }

  async frame(letter, context, group, sequence, capturedAt, previous) {
    const isEnd = letter === "E";
    const head = new Writer(2);
    head.u16((letter === "." ? 0 : 1) | (isEnd ? 2 : 0));
    const numbers = new Writer(26);
    numbers.u64(group);
    numbers.u64(sequence);
    numbers.u64(capturedAt);
    numbers.u8(0);
    numbers.u8(isEnd ? 0 : 1);
    const picture = ascii(`picture ${group}/${sequence}`);
    const sized = new Writer(4 + picture.length);
    sized.u32(picture.length);
    sized.put(picture);
    const layer = isEnd ? new Uint8Array() : concat(Uint8Array.of(0, 0), await sha256(sized.done()));
    const signed = concat(ascii("celosia frame v1"), context, head.done(), numbers.done(), layer, previous);
    const body = isEnd ? new Uint8Array() : concat(Uint8Array.of(0, 0, 1), sized.done());
    const bytes = concat(head.done(), letter === "." ? new Uint8Array() : context, numbers.done(), body, await this.sign(signed));
    return { bytes, sequence, digest: await sha256(signed), capturedAt };
  }
}
