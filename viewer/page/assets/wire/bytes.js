// Reading big-endian fields, with every length checked before it is used. What is refused here, and by which words, is refused alike by
// every other program: the golden vectors say so.

/** @typedef {"truncated" | "trailing" | "too-long" | "unknown" | "contradiction" | "text"} Problem */

/** Why bytes are not what they should be. Always the sender's fault. */
export class Malformed extends Error {
  /**
   * @param {string} field the field that was being read
   * @param {Problem} problem what is wrong with it
   */
  constructor(field, problem) {
    super(`${field}: ${problem}`);
    this.field = field;
    this.problem = problem;
  }
}

/** Reads fields from the front of some bytes; variable parts come out as views on the same memory. */
export class Reader {
  /** @param {Uint8Array<ArrayBuffer>} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  /** How many bytes are left. */
  get remaining() {
    return this.bytes.length - this.at;
  }

  /**
   * Steps over `length` bytes, if they are there, and says where they begin.
   * @param {string} field
   * @param {number} length
   */
  step(field, length) {
    if (length > this.remaining) throw new Malformed(field, "truncated");
    const at = this.at;
    this.at += length;
    return at;
  }

  /** @param {string} field */
  u8(field) {
    return this.view.getUint8(this.step(field, 1));
  }

  /** @param {string} field */
  u16(field) {
    return this.view.getUint16(this.step(field, 2));
  }

  /** @param {string} field */
  u32(field) {
    return this.view.getUint32(this.step(field, 4));
  }

  /** @param {string} field */
  u64(field) {
    return this.view.getBigUint64(this.step(field, 8));
  }

  /**
   * The next `length` bytes.
   * @param {string} field
   * @param {number} length
   */
  take(field, length) {
    const at = this.step(field, length);
    return this.bytes.subarray(at, at + length);
  }

  /**
   * A field behind a u8 length of at most `cap`.
   * @param {string} field
   * @param {number} cap
   */
  short(field, cap) {
    return this.capped(field, this.u8(field), cap);
  }

  /**
   * A field behind a u32 length of at most `cap`.
   * @param {string} field
   * @param {number} cap
   */
  long(field, cap) {
    return this.capped(field, this.u32(field), cap);
  }

  /**
   * @param {string} field
   * @param {number} length
   * @param {number} cap
   */
  capped(field, length, cap) {
    if (length > cap) throw new Malformed(field, "too-long");
    return this.take(field, length);
  }

  /**
   * A count as one byte, at most `cap`.
   * @param {string} field
   * @param {number} cap
   */
  count(field, cap) {
    const count = this.u8(field);
    if (count > cap) throw new Malformed(field, "too-long");
    return count;
  }

  /** All that is left. */
  rest() {
    return this.bytes.subarray(this.at);
  }

  /**
   * The end: nothing may be left.
   * @param {string} field
   */
  end(field) {
    if (this.remaining > 0) throw new Malformed(field, "trailing");
  }
}

/** Puts big-endian fields one behind the other. */
export class Writer {
  /** @param {number} capacity bytes, at least as many as will be written */
  constructor(capacity) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
    this.at = 0;
  }

  /** @param {number} value */
  u8(value) {
    this.view.setUint8(this.at, value);
    this.at += 1;
  }

  /** @param {number} value */
  u16(value) {
    this.view.setUint16(this.at, value);
    this.at += 2;
  }

  /** @param {number} value */
  u32(value) {
    this.view.setUint32(this.at, value);
    this.at += 4;
  }

  /** @param {bigint} value */
  u64(value) {
    this.view.setBigUint64(this.at, value);
    this.at += 8;
  }

  /** @param {Uint8Array} bytes */
  put(bytes) {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** What was written. */
  done() {
    return this.bytes.subarray(0, this.at);
  }
}

/**
 * Whether both have the same bytes.
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
export function same(a, b) {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/**
 * All of them, one behind the other.
 * @param {...Uint8Array} parts
 */
export function concat(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Small hexadecimal digits.
 * @param {Uint8Array} bytes
 */
export function hex(bytes) {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** @param {string} text ASCII, as every domain string is */
export function ascii(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/**
 * Which comes first, -1, 0 or 1.
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
export function compareBytes(a, b) {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    if (a[at] !== b[at]) return a[at] < b[at] ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}
