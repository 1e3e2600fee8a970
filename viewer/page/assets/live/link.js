// The connection to the relay: WebTransport where UDP gets through, WebSocket where it does not; the same messages on both. Whichever answers the
// greeting first is used.

import { Reader } from "../wire/bytes.js";
import { MAX_FRAME } from "../wire/frame.js";
import { decodeMessage, encodeHello } from "../wire/message.js";

/** @typedef {import("../wire/message.js").Message} Message */
/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {{ message: (message: Message) => void, closed: () => void }} Listener */
/** @typedef {{ how: "webtransport" | "websocket", send: (bytes: Bytes) => void, close: () => void }} Link */

/** A frame and what stands before it is the longest message. */
const MAX_MESSAGE = MAX_FRAME + 13;
/** How long either way may take to answer the greeting, in ms. */
const WITHIN = 8_000;
/** How far ahead WebTransport begins, in ms: it is the better one, and takes a request more. */
const AHEAD = 400;
/** How long a way that failed is not tried again, in ms. */
const REST = 60_000;

/** When WebTransport failed last, on the monotonic clock. */
let failedAt = -Infinity;

/**
 * Opens a connection and greets. The listener hears nothing before this is done.
 * @param {Listener} listener
 * @param {Bytes | null} ticket from the API
 * @returns {Promise<Link>}
 */
export async function openLink(listener, ticket = null) {
  const stop = new AbortController();
  const wait = (/** @type {number} */ ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  const socket = async () => {
    await wait(canTransport() ? AHEAD : 0);
    return greet(openSocket, listener, ticket, stop.signal);
  };
  const ways = [socket()];
  if (canTransport()) {
    const transport = greet(openTransport, listener, ticket, stop.signal);
    transport.catch(() => { if (!stop.signal.aborted) failedAt = performance.now(); });
    ways.push(transport);
  }
  try {
    return await Promise.any(ways);
  } finally {
    stop.abort();
  }
}

function canTransport() {
  return "WebTransport" in self && performance.now() - failedAt > REST;
}

/**
 * Opens one way and waits for the relay's greeting; lets go of it when another way was faster.
 * @param {(listener: Listener, greeting: Bytes) => Promise<Link>} open
 * @param {Listener} listener
 * @param {Bytes | null} ticket
 * @param {AbortSignal} signal
 */
async function greet(open, listener, ticket, signal) {
  signal.throwIfAborted();
  /** @type {PromiseWithResolvers<void>} */
  const greeted = Promise.withResolvers();
  greeted.promise.catch(() => {});
  let isOurs = false;
  const link = await open({
    message: (message) => {
      if (isOurs) listener.message(message);
      else if (message.kind === "hello") greeted.resolve();
      else greeted.reject(new Error(message.kind === "refused" ? message.text : "no greeting"));
    },
    closed: () => {
      if (isOurs) listener.closed();
      else greeted.reject(new Error("closed"));
    },
  }, encodeHello(ticket));
  const timer = setTimeout(() => greeted.reject(new Error("no answer")), WITHIN);
  try {
    await greeted.promise;
    signal.throwIfAborted();
    isOurs = true;
    return link;
  } catch (error) {
    link.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {Listener} listener
 * @param {Bytes} greeting
 * @returns {Promise<Link>}
 */
async function openSocket(listener, greeting) {
  const socket = new WebSocket(`wss://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => socket.send(greeting);
  socket.onmessage = ({ data }) => {
    if (!(data instanceof ArrayBuffer) || !tell(listener, new Uint8Array(data))) socket.close();
  };
  socket.onclose = () => listener.closed();
  return { how: "websocket", send: (bytes) => { if (socket.readyState === WebSocket.OPEN) socket.send(bytes); }, close: () => socket.close() };
}

/**
 * @param {Listener} listener
 * @param {Bytes} greeting
 * @returns {Promise<Link>}
 */
async function openTransport(listener, greeting) {
  const answer = await fetch("/api/v1/webtransport");
  if (!answer.ok) throw new Error("this relay has no WebTransport");
  /** @type {{ path: string, hashes: string[] }} */
  const { path, hashes } = await answer.json();
  const serverCertificateHashes = hashes.map((hash) => ({
    algorithm: "sha-256", value: Uint8Array.from(hash.match(/../g) ?? [], (pair) => parseInt(pair, 16)),
  }));
  const transport = new WebTransport(`https://${location.host}${path}`, { serverCertificateHashes });
  const close = () => { try { transport.close(); } catch { /* it was never open */ } };
  let isClosed = false;
  const closed = () => {
    close();
    if (!isClosed) listener.closed();
    isClosed = true;
  };
  transport.closed.then(closed, closed);
  await transport.ready;
  const control = await transport.createBidirectionalStream();
  const writer = control.writable.getWriter();
  writer.closed.catch(() => {});
  const send = (/** @type {Bytes} */ bytes) => { writer.write(framed(bytes)).catch(closed); };
  const heard = (/** @type {Bytes} */ bytes) => { if (!tell(listener, bytes)) closed(); };
  // The relay ends the conversation by ending its control stream.
  readMessages(control.readable, heard).then(closed, closed);
  // A frame's stream that is taken back is none of our business: the relay says what is missing.
  readStreams(transport, (stream) => { readMessages(stream, heard).catch(() => {}); }).catch(closed);
  send(greeting);
  return { how: "webtransport", send, close };
}

/**
 * @param {WebTransport} transport
 * @param {(stream: ReadableStream<Uint8Array>) => void} take
 */
async function readStreams(transport, take) {
  const reader = transport.incomingUnidirectionalStreams.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    take(value);
  }
}

/**
 * Reads messages, each behind its length, until the stream ends.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {(bytes: Bytes) => void} take
 */
async function readMessages(stream, take) {
  const reader = stream.getReader();
  /** What came and was not taken, in pieces. @type {Uint8Array[]} */
  let pieces = [];
  let held = 0;
  let wanted = 4;
  let length = null;
  for (;;) {
    while (held >= wanted) {
      const bytes = join(pieces, held);
      const taken = bytes.subarray(0, wanted);
      pieces = [bytes.subarray(wanted)];
      held -= wanted;
      if (length === null) {
        length = new Reader(taken).u32("length");
        if (length > MAX_MESSAGE) throw new Error("a message that is too long");
        wanted = length;
      } else {
        // Its own memory: what came behind it is not kept with it.
        take(held > 0 ? taken.slice() : taken);
        length = null;
        wanted = 4;
      }
    }
    const { done, value } = await reader.read();
    if (done) {
      if (held > 0 || length !== null) throw new Error("the stream ended inside a message");
      return;
    }
    pieces.push(value);
    held += value.length;
  }
}

/**
 * @param {Uint8Array[]} pieces
 * @param {number} length
 */
function join(pieces, length) {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** @param {Bytes} bytes */
function framed(bytes) {
  const all = new Uint8Array(4 + bytes.length);
  new DataView(all.buffer).setUint32(0, bytes.length);
  all.set(bytes, 4);
  return all;
}

/**
 * Hands a message on, if it is one.
 * @param {Listener} listener
 * @param {Bytes} bytes
 */
function tell(listener, bytes) {
  let message;
  try {
    message = decodeMessage(bytes);
  } catch {
    return false;
  }
  listener.message(message);
  return true;
}
