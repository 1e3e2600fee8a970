// What a viewer concludes from what comes, and what it shows: whatever a relay does, nothing that the camera did not sign.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Assessor, MEMORY, PATIENCE, TOLERANCE } from "../assets/assess/assess.js";
import { Camera } from "./camera.js";

const camera = await Camera.make();
const START = 1_780_000_000_000_000n;

/** A viewer of these sessions, who was told who the camera is. */
function viewer({ highest = null, live = true } = {}) {
  const assessor = new Assessor({
    camera: camera.id, live: live ? { tolerance: TOLERANCE, highest } : null, recipient: null, patience: PATIENCE, memory: MEMORY, keyFramesOnly: false,
  });
  assessor.standing = { kind: "known", revocationUnknownSince: null };
  return { assessor, now: { monotonic: 0, wall: START }, shown: "", events: [] };
}

/** Lets a frame come, and shows what can be shown. */
async function come(at, session, frame, bytes = frame.bytes) {
  await at.assessor.frame(session.number, bytes, at.now);
  await show(at);
}

async function show(at) {
  for (let event = await at.assessor.next(at.now); event; event = await at.assessor.next(at.now)) {
    at.events.push(event.kind);
    if (event.kind === "frame") at.shown += `${event.verified.context.session.number}/${event.verified.frame.sequence} `;
  }
}

async function wait(at, ms = PATIENCE + 1) {
  at.now = { monotonic: at.now.monotonic + ms, wall: at.now.wall + BigInt(ms) * 1000n };
  await show(at);
}

function verdict(at) {
  const { verdict: found, findings } = at.assessor.report(at.now);
  return [found, ...findings.map(({ reason }) => reason.kind)];
}

async function watch(session, settings) {
  const at = viewer(settings);
  await at.assessor.record(session.record.signed, at.now);
  return at;
}

test("an honest stream is authentic, and shown in its order", async () => {
  const session = await camera.film(1, "K..K.");
  const at = await watch(session);
  assert.deepEqual(verdict(at), ["not-enough-yet", "no-frame-yet"]);
  for (const frame of session.frames) await come(at, session, frame);
  assert.deepEqual([verdict(at), at.shown], [["authentic"], "1/0 1/1 1/2 1/3 1/4 "]);
});

test("frames that come in any order are shown in the camera's", async () => {
  const session = await camera.film(1, "K..K.");
  const at = await watch(session);
  // Who joins live cannot know what came before the first key frame that arrived, so the first one comes first.
  for (const place of [0, 2, 1, 4, 3]) await come(at, session, session.frames[place]);
  assert.deepEqual([verdict(at), at.shown], [["authentic"], "1/0 1/1 1/2 1/3 1/4 "]);
});

test("a changed bit anywhere is found, and nothing of the frame is shown", async () => {
  const session = await camera.film(1, "K..");
  const [, second] = session.frames;
  for (let bit = 0; bit < second.bytes.length; bit += 7) {
    const at = await watch(session);
    await come(at, session, session.frames[0]);
    const changed = second.bytes.slice();
    changed[bit] ^= 4;
    await come(at, session, second, changed);
    await wait(at);
    assert.ok(!at.shown.includes("1/1 "), `bit in byte ${bit}: ${at.shown}`);
    // A changed number makes it a frame that waits for others, in vain.
    assert.notEqual(verdict(at)[0], "authentic", `byte ${bit}`);
  }
});

test("a frame that is left out is a gap until the next group, and never tampering", async () => {
  const session = await camera.film(1, "K...K.");
  const at = await watch(session);
  for (const place of [0, 1, 3, 4, 5]) await come(at, session, session.frames[place]);
  await wait(at);
  assert.equal(at.shown, "1/0 1/1 1/4 1/5 ");
  assert.equal(verdict(at)[0], "with-gaps");
  await wait(at, MEMORY + 1000);
  assert.ok(!verdict(at).includes("missing"), "after a while a gap weighs no more");
});

test("a frame that comes again is a replay", async () => {
  const session = await camera.film(1, "K.K.");
  const at = await watch(session);
  for (const place of [0, 1, 1, 2]) await come(at, session, session.frames[place]);
  assert.deepEqual(verdict(at), ["tampered", "replayed"]);
  assert.equal(at.shown, "1/0 1/1 1/2 ");
});

test("two frames signed for one place are a fork", async () => {
  const session = await camera.film(1, "KK");
  const other = await camera.film(1, "KK", { start: START + 5n });
  const at = await watch(session);
  await come(at, session, session.frames[0]);
  await come(at, other, other.frames[0]);
  assert.deepEqual(verdict(at), ["tampered", "forked"]);
});

test("frames of another camera, and of another session number than their envelope's, are refused", async () => {
  const stranger = await Camera.make();
  const theirs = await stranger.film(1, "K");
  const ours = await camera.film(1, "K");
  const at = await watch(ours);
  await at.assessor.record(theirs.record.signed, at.now);
  await come(at, theirs, theirs.frames[0]);
  await come(at, { number: 2n }, ours.frames[0]);
  assert.deepEqual([verdict(at)[0], at.shown], ["tampered", ""]);
  assert.ok(verdict(at).includes("record-refused") && verdict(at).includes("refused"));
});

test("old frames, and frames that were seen before, are not live", async () => {
  const session = await camera.film(1, "K.");
  const old = await watch(session);
  old.now.wall += 31_000_000n;
  await come(old, session, session.frames[0]);
  assert.deepEqual(verdict(old), ["not-live", "other-time"]);
  const seen = await watch(session, { highest: { session: 1n, sequence: 0n } });
  await come(seen, session, session.frames[0]);
  assert.deepEqual(verdict(seen), ["not-live", "seen-before"]);
  await come(seen, session, session.frames[1]);
  assert.deepEqual(verdict(seen), ["authentic"]);
});

test("a session that follows says whether the one before it was seen to its end", async () => {
  const first = await camera.film(1, "K.E");
  const { sequence, digest } = first.last;
  const next = await camera.film(2, "K.", { link: [1, 1n, 1, sequence, digest] });
  const whole = await watch(first);
  await whole.assessor.record(next.record.signed, whole.now);
  for (const frame of first.frames) await come(whole, first, frame);
  for (const frame of next.frames) await come(whole, next, frame);
  assert.deepEqual([verdict(whole), whole.shown], [["authentic"], "1/0 1/1 2/0 2/1 "]);

  const cut = await watch(first);
  await cut.assessor.record(next.record.signed, cut.now);
  await come(cut, first, first.frames[0]);
  await come(cut, next, next.frames[0]);
  await wait(cut);
  assert.deepEqual(verdict(cut), ["with-gaps", "tail-missing"]);

  const lying = await camera.film(2, "K.", { link: [1, 1n, 1, 0n, first.frames[0].digest] });
  const contradicted = await watch(first);
  await contradicted.assessor.record(lying.record.signed, contradicted.now);
  for (const frame of first.frames) await come(contradicted, first, frame);
  await come(contradicted, lying, lying.frames[0]);
  assert.deepEqual(verdict(contradicted), ["tampered", "link-contradicts"]);
});

test("a record that never comes leaves its frames unchecked and unseen", async () => {
  const session = await camera.film(1, "K.");
  const at = viewer();
  for (const frame of session.frames) await come(at, session, frame);
  assert.deepEqual(verdict(at), ["not-enough-yet", "no-record-yet"]);
  await wait(at);
  assert.equal(at.shown, "");
  assert.equal(at.assessor.wakeAt(), null, "nothing waits for ever");
});

test("a flood is held within bounds", async () => {
  const session = await camera.film(1, "K");
  const at = viewer();
  const frame = session.frames[0].bytes;
  for (let sequence = 0; sequence < 700; sequence += 1) {
    const made = frame.slice();
    new DataView(made.buffer).setBigUint64(2 + 134 + 8, BigInt(1000 + sequence));
    await come(at, session, session.frames[0], made);
  }
  assert.ok(at.assessor.hold.list.length <= 513);
});
