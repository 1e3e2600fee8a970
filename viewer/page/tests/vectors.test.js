// The golden vectors: this page reads the very bytes that the other programs make, and refuses what they refuse, by the same words.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { Malformed, hex } from "../assets/wire/bytes.js";
import { decodeFrame, layerDigests, signedBytes } from "../assets/wire/frame.js";
import { decodeGrantList } from "../assets/wire/grants.js";
import { decodeMessage, encodeHello, encodeSubscribe, encodeUnsubscribe } from "../assets/wire/message.js";
import { decodeReceipt, receiptSignedBytes, verifyReceipt } from "../assets/wire/receipt.js";
import { decodeRecord, decodeSignedRecord, recordSignedBytes } from "../assets/wire/record.js";
import { holds, publicKey } from "../assets/wire/signature.js";
import { Group, Refusal, sha256, verifyRecord } from "../assets/wire/verify.js";
import { bytes } from "./hex.js";

const wire = new URL("../../../wire/", import.meta.url);
const vectors = (name) => JSON.parse(readFileSync(new URL(`vectors/${name}.json`, wire), "utf8"));

/** What is read of these bytes is refused by that field and problem. */
function refuses(read, { name, bytes: text, field, problem }) {
  assert.throws(() => read(bytes(text)), (error) => {
    assert.ok(error instanceof Malformed, `${name}: ${error}`);
    assert.deepEqual([error.field, error.problem], [field, problem], name);
    return true;
  }, name);
}

async function refusal(attempt) {
  try {
    await attempt();
    return "none";
  } catch (error) {
    return Refusal.of(error).reason;
  }
}

test("signatures are verified as strictly as everywhere", async () => {
  const { valid } = vectors("ed25519");
  assert.ok(valid.length >= 38);
  for (const { name, key, message, signature, finding } of valid) {
    const usable = await publicKey(bytes(key));
    const held = usable !== null && (await holds(usable, bytes(message), bytes(signature)));
    assert.equal(held, finding === "ok", name);
  }
});

test("epoch records are read as they were written", async () => {
  const { valid, malformed, refused } = vectors("epoch-records");
  for (const said of valid) {
    const signed = decodeSignedRecord(bytes(said.bytes));
    assert.equal(hex(recordSignedBytes(signed)), said.signed, said.name);
    const { record, digest } = await verifyRecord(signed, bytes(said.camera));
    assert.equal(hex(digest), said.digest);
    assert.equal(hex(record.camera), said.camera);
    assert.deepEqual([String(record.session.number), hex(record.session.nonce)], [said.session.number, said.session.nonce]);
    assert.equal(record.link.kind, said.link?.how ?? "first");
    if (record.link.last) {
      assert.deepEqual([String(record.link.last.sequence), hex(record.link.last.digest)], [said.link.sequence, said.link.digest]);
    }
    assert.deepEqual([Number(record.epoch), record.source, record.detector], [Number(said.epoch), said.source, said.detector]);
    assert.deepEqual([...record.labels].map(([number, label]) => `${number} ${label}`), said.labels);
    assert.deepEqual([String(record.viewersVersion), hex(record.viewersDigest), hex(record.grants)],
      [String(said.viewers_version), said.viewers_digest, said.grants]);
    assert.equal(record.owners.length, said.owners.length);
  }
  for (const bad of malformed) refuses((all) => decodeRecord(decodeSignedRecord(all).record), bad);
  for (const { name, against, bytes: text, refusal: expected } of refused) {
    assert.equal(await refusal(() => verifyRecord(decodeSignedRecord(bytes(text)), bytes(against))), expected, name);
  }
});

test("frames are read and verified as they were signed, whole and with layers withheld", async () => {
  const { valid, malformed, refused } = vectors("frames");
  /** The group behind each frame, by its name. */
  const groups = new Map();
  let group = null;
  for (const said of valid) {
    const record = await verifyRecord(decodeSignedRecord(bytes(said.record)), bytes(said.camera));
    let after = null;
    for (const form of [said.bytes, said.public_only, said.withheld]) {
      const frame = decodeFrame(bytes(form));
      const opened = said.key ? await Group.open(record, frame) : await group.next(frame);
      const { context, digests, digest } = opened.verified;
      assert.equal(hex(signedBytes(frame, context, digests, bytes(said.previous))), said.signed, said.name);
      assert.equal(hex(digest), said.digest, said.name);
      assert.deepEqual((await layerDigests(frame)).map(hex), said.layers.map((layer) => layer.digest));
      assert.deepEqual([context.codec, context.width, context.height], [said.codec, said.width, said.height]);
      assert.deepEqual([frame.group, frame.sequence, frame.capturedAt].map(String), [said.group, said.sequence, said.captured_at]);
      assert.deepEqual(frame.flags, { key: said.key, end: said.end, failClosed: said.fail_closed, detector: said.detector });
      assert.deepEqual(frame.regions.map(({ label, x, y, w, h, track }) => [label, x, y, w, h, track]), said.regions);
      assert.deepEqual(frame.layers.map((layer) => (layer.label === null ? "public" : String(layer.label))), said.layers.map(({ kind }) => kind));
      after = opened.group;
    }
    const whole = decodeFrame(bytes(said.bytes));
    assert.deepEqual(whole.layers.map((layer) => hex(layer.bytes)), said.layers.map((layer) => layer.bytes));
    group = after;
    groups.set(said.name, group);
  }
  for (const bad of malformed) refuses(decodeFrame, bad);
  const first = await verifyRecord(decodeSignedRecord(bytes(valid[0].record)), bytes(valid[0].camera));
  for (const { name, against, bytes: text, refusal: expected } of refused) {
    const attempt = async () => {
      const frame = decodeFrame(bytes(text));
      return against ? groups.get(against).next(frame) : Group.open(first, frame);
    };
    assert.equal(await refusal(attempt), expected, name);
  }
});

test("messages are read, and a viewer's are written, byte for byte", () => {
  const { valid, malformed } = vectors("messages");
  for (const said of valid) {
    const message = decodeMessage(bytes(said.bytes));
    assert.equal(message.kind, said.kind, said.name);
    const written = message.kind === "hello" ? encodeHello(message.ticket, message.fingerprint)
      : message.kind === "subscribe" ? encodeSubscribe(message)
      : message.kind === "unsubscribe" ? encodeUnsubscribe(message.subscription) : null;
    if (written) assert.equal(hex(written), said.bytes, said.name);
    if (message.kind === "frame") decodeFrame(message.frame);
  }
  for (const bad of malformed) refuses(decodeMessage, bad);
});

test("grant lists are read as they were written", async () => {
  const { valid, malformed } = vectors("grant-lists");
  for (const said of valid) {
    const list = decodeGrantList(bytes(said.bytes));
    assert.equal(hex(await sha256(list.wire)), said.digest);
    assert.deepEqual(list.entries.map(({ recipient, label, digest }) => ({ recipient: hex(recipient), label, digest: hex(digest) })), said.entries);
  }
  for (const bad of malformed) refuses(decodeGrantList, bad);
});

test("receipts are read and verified as they were signed", async () => {
  const { valid, malformed, refused } = vectors("receipts");
  for (const said of valid) {
    const receipt = decodeReceipt(bytes(said.bytes));
    assert.equal(hex(receiptSignedBytes(receipt)), said.signed);
    assert.deepEqual([receipt.segment, receipt.leaves, receipt.receivedAt].map(String), [said.segment, said.leaves, said.received_at]);
    assert.ok(await verifyReceipt(receipt, bytes(said.relay)));
  }
  for (const bad of malformed) refuses(decodeReceipt, bad);
  for (const { name, against, bytes: text } of refused) assert.ok(!(await verifyReceipt(decodeReceipt(bytes(text)), bytes(against))), name);
});

test("every seed of the fuzzers is read or refused, and nothing else happens", () => {
  const readers = {
    frame: decodeFrame, message: decodeMessage, grant_list: decodeGrantList, receipt: decodeReceipt,
    record: (all) => decodeRecord(decodeSignedRecord(all).record),
  };
  for (const [folder, read] of Object.entries(readers)) {
    const seeds = readdirSync(new URL(`fuzz/corpus/${folder}/`, wire));
    assert.ok(seeds.length > 0, folder);
    for (const seed of seeds) {
      const all = new Uint8Array(readFileSync(new URL(`fuzz/corpus/${folder}/${seed}`, wire)));
      if (all.length === 0) continue;
      // Cut and changed everywhere, too: what comes out is a value or a refusal.
      for (let at = 0; at <= Math.min(all.length, 400); at += 1) {
        for (const bad of [all.slice(0, at), all.with(Math.min(at, all.length - 1), 0xff)]) {
          try {
            read(bad);
          } catch (error) {
            assert.ok(error instanceof Malformed, `${folder}/${seed} at ${at}: ${error}`);
          }
        }
      }
    }
  }
});
