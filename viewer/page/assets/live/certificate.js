// Who a camera is, by its certificate: camera, issuing CA, root, as the relay sends them, and whether the camera was taken back. The chain itself
// is checked here; whether its root is the one that was met before, the pins say.

import * as asn1 from "../vendor/asn1.js";
import { compareBytes, hex, same } from "../wire/bytes.js";
import { isUsablePoint } from "../wire/signature.js";
import { sha256 } from "../wire/verify.js";

/** @type {any} */
const { AsnConvert, BasicConstraints, Certificate, CertificateList, ECDSASigValue, ExtendedKeyUsage, InvalidityDate, KeyUsage, KeyUsageFlags } = asn1;

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {import("../assess/assess.js").Standing} Standing */
/**
 * @typedef {{ id: Bytes, name: string, root: string, notAfter: number, standing: Standing }} Introduced `root` is its SHA-256 in hexadecimal
 *   digits, `notAfter` in ms since 1970
 */

/** Why nobody vouches for a camera. */
export class Stranger extends Error {
  /** @param {"chain" | "time" | "use" | "name" | "key" | "list"} why */
  constructor(why) {
    super(why);
    this.why = why;
  }
}

const ED25519 = "1.3.101.112";
const ECDSA_SHA256 = "1.2.840.10045.4.3.2";
const EXTENSION = { constraints: "2.5.29.19", usage: "2.5.29.15", extended: "2.5.29.37", alternative: "2.5.29.17", names: "2.5.29.30" };
const CLIENT = "1.3.6.1.5.5.7.3.2";
const COMMON_NAME = "2.5.4.3";
const INVALIDITY_DATE = "2.5.29.24";
/** After this long an issuing CA's list no longer tells that a camera is still trusted, in ms. */
const LIST_AGE = 24 * 3_600_000;
/** How far a list may lie in the future, for clocks that differ, in ms. */
const SKEW = 5 * 60_000;

/**
 * Checks a camera's chain and revocation lists at an instant.
 * @param {{ chain: Bytes[], crls: Bytes[] }} message
 * @param {number} now ms since 1970
 * @returns {Promise<Introduced>}
 */
export async function introduce({ chain, crls }, now) {
  if (chain.length !== 3) throw new Stranger("chain");
  const [leaf, issuing, root] = chain.map(parse);
  await verifyLink(leaf, issuing);
  await verifyLink(issuing, root);
  await verifyLink(root, root);
  for (const authority of [issuing, root]) checkAuthority(authority);
  for (const certificate of [leaf, issuing, root]) checkTime(certificate, now);
  const camera = await revocation(leaf, issuing, crls, LIST_AGE, now);
  const authority = await revocation(issuing, root, crls, null, now);
  return {
    id: keyOf(leaf), name: nameOf(leaf), root: hex(await sha256(chain[2])), notAfter: leaf.tbs.validity.notAfter.getTime().getTime(),
    standing: worse(camera, authority),
  };
}

/**
 * @typedef {{ tbs: any, signed: Bytes, signature: Bytes, algorithm: string, issuer: Bytes, subject: Bytes,
 *   extensions: Map<string, Bytes> }} Parsed
 */

/**
 * @param {Bytes} der
 * @returns {Parsed}
 */
function parse(der) {
  let certificate;
  let again;
  try {
    certificate = AsnConvert.parse(der, Certificate);
    again = new Uint8Array(certificate.tbsCertificateRaw);
  } catch {
    throw new Stranger("chain");
  }
  const tbs = certificate.tbsCertificate;
  const known = Object.values(EXTENSION);
  const extensions = new Map();
  for (const { extnID, critical, extnValue } of tbs.extensions ?? []) {
    if (extensions.has(extnID) || (critical && !known.includes(extnID))) throw new Stranger("chain");
    extensions.set(extnID, new Uint8Array(extnValue.buffer));
  }
  if (tbs.signature.algorithm !== certificate.signatureAlgorithm.algorithm) throw new Stranger("chain");
  return {
    tbs, signed: again, signature: new Uint8Array(certificate.signatureValue), algorithm: certificate.signatureAlgorithm.algorithm,
    issuer: bytesOf(tbs.issuer), subject: bytesOf(tbs.subject), extensions,
  };
}

/** @param {any} value */
function bytesOf(value) {
  return new Uint8Array(AsnConvert.serialize(value));
}

/**
 * That `issuer` signed it.
 * @param {Parsed} subject
 * @param {Parsed} issuer
 */
async function verifyLink(subject, issuer) {
  const held = same(subject.issuer, issuer.subject) && subject.algorithm === ECDSA_SHA256
    && (await isSignedBy(issuer, subject.signed, subject.signature));
  if (!held) throw new Stranger("chain");
}

/**
 * @param {Parsed} issuer
 * @param {Bytes} signed
 * @param {Bytes} signature ECDSA with SHA-256 on P-256, as X.509 has it
 */
async function isSignedBy(issuer, signed, signature) {
  try {
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("spki", bytesOf(issuer.tbs.subjectPublicKeyInfo), curve, false, ["verify"]);
    const { r, s } = AsnConvert.parse(signature, ECDSASigValue);
    const both = new Uint8Array(64);
    both.set(padded(new Uint8Array(r)), 0);
    both.set(padded(new Uint8Array(s)), 32);
    return await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, both, signed);
  } catch {
    return false;
  }
}

/**
 * An integer of DER as 32 bytes.
 * @param {Uint8Array} integer
 */
function padded(integer) {
  const first = integer.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? new Uint8Array() : integer.subarray(first);
  const out = new Uint8Array(32);
  out.set(digits, 32 - digits.length);
  return out;
}

/** @param {Parsed} certificate */
function checkAuthority({ extensions }) {
  const constraints = extensions.get(EXTENSION.constraints);
  const usage = extensions.get(EXTENSION.usage);
  const isAuthority = constraints && AsnConvert.parse(constraints, BasicConstraints).cA;
  const signs = usage && AsnConvert.parse(usage, KeyUsage).toNumber() & KeyUsageFlags.keyCertSign;
  if (!isAuthority || !signs) throw new Stranger("chain");
}

/**
 * @param {Parsed} certificate
 * @param {number} now
 */
function checkTime({ tbs }, now) {
  if (now < tbs.validity.notBefore.getTime().getTime() || now > tbs.validity.notAfter.getTime().getTime()) throw new Stranger("time");
}

/**
 * The camera's key: Ed25519, canonical and of full order.
 * @param {Parsed} leaf
 */
function keyOf({ tbs }) {
  const { algorithm, subjectPublicKey } = tbs.subjectPublicKeyInfo;
  const key = new Uint8Array(subjectPublicKey);
  const usable = algorithm.algorithm === ED25519 && algorithm.parameters == null && key.length === 32 && isUsablePoint(key);
  if (!usable) throw new Stranger("key");
  return key;
}

/**
 * The camera's name, if the certificate is for client authentication alone, and that name is its only one.
 * @param {Parsed} leaf
 */
function nameOf({ tbs, extensions }) {
  const extended = extensions.get(EXTENSION.extended);
  const uses = extended ? [...AsnConvert.parse(extended, ExtendedKeyUsage)] : [];
  if (uses.length !== 1 || uses[0] !== CLIENT) throw new Stranger("use");
  const constraints = extensions.get(EXTENSION.constraints);
  if (constraints && AsnConvert.parse(constraints, BasicConstraints).cA) throw new Stranger("use");
  const attributes = [...tbs.subject].flatMap((relative) => [...relative]);
  const [only] = attributes;
  const name = only?.type === COMMON_NAME ? String(only.value.toString()) : "";
  const single = attributes.length === 1 && !extensions.has(EXTENSION.alternative);
  if (!single || !/^[a-z0-9][a-z0-9._-]{2,31}$/.test(name)) throw new Stranger("name");
  return name;
}

/**
 * What the lists of one issuer say about one of its certificates.
 * @param {Parsed} subject
 * @param {Parsed} issuer
 * @param {Bytes[]} lists
 * @param {number | null} age for how long a list counts at most; the root's lies offline, so it may be as old as it says itself
 * @param {number} now
 * @returns {Promise<Standing>}
 */
async function revocation(subject, issuer, lists, age, now) {
  let since = Infinity;
  // Before any list, all that is known is that the certificate was good when it was made.
  let knownUntil = subject.tbs.validity.notBefore.getTime().getTime();
  for (const der of lists) {
    const list = parseList(der);
    const stated = list.tbsCertList;
    if (!same(bytesOf(stated.issuer), issuer.subject)) continue;
    const usage = issuer.extensions.get(EXTENSION.usage);
    const signs = usage && AsnConvert.parse(usage, KeyUsage).toNumber() & KeyUsageFlags.cRLSign;
    const held = signs && list.signatureAlgorithm.algorithm === ECDSA_SHA256
      && (await isSignedBy(issuer, new Uint8Array(list.tbsCertListRaw), new Uint8Array(list.signature)));
    if (!held) throw new Stranger("list");
    for (const entry of stated.revokedCertificates ?? []) {
      if (compareBytes(new Uint8Array(entry.userCertificate), new Uint8Array(subject.tbs.serialNumber)) === 0) {
        since = Math.min(since, distrusted(entry));
      }
    }
    knownUntil = Math.max(knownUntil, freshUntil(stated, age, now));
  }
  if (since !== Infinity) return { kind: "revoked", since: BigInt(since) * 1000n };
  return { kind: "known", revocationUnknownSince: now <= knownUntil ? null : BigInt(knownUntil) * 1000n };
}

/** @param {Bytes} der */
function parseList(der) {
  let list;
  try {
    list = AsnConvert.parse(der, CertificateList);
  } catch {
    throw new Stranger("list");
  }
  // A delta or indirect list means something else than it seems.
  if ((list.tbsCertList.crlExtensions ?? []).some((/** @type {any} */ extension) => extension.critical)) throw new Stranger("list");
  return list;
}

/** @param {any} entry */
function distrusted(entry) {
  const stated = (entry.crlEntryExtensions ?? []).find((/** @type {any} */ extension) => extension.extnID === INVALIDITY_DATE);
  if (stated) return AsnConvert.parse(stated.extnValue.buffer, InvalidityDate).value.getTime();
  return entry.revocationDate.getTime().getTime();
}

/**
 * Until when a list tells that what it does not name is trusted. One from the future tells nothing: its maker would extend it at will.
 * @param {any} stated
 * @param {number | null} age
 * @param {number} now
 */
function freshUntil(stated, age, now) {
  const made = stated.thisUpdate.getTime().getTime();
  if (made > now + SKEW) return 0;
  const next = stated.nextUpdate ? stated.nextUpdate.getTime().getTime() : made;
  return age === null ? next : Math.min(next, made + age);
}

/**
 * The worse of two: what taking back either end of a link means for the whole chain.
 * @param {Standing} a
 * @param {Standing} b
 * @returns {Standing}
 */
function worse(a, b) {
  if (a.kind === "revoked" && b.kind === "revoked") return a.since < b.since ? a : b;
  if (a.kind === "revoked") return a;
  if (b.kind === "revoked" || b.kind !== "known") return b;
  if (a.kind !== "known" || b.revocationUnknownSince === null) return a;
  if (a.revocationUnknownSince === null) return b;
  return a.revocationUnknownSince < b.revocationUnknownSince ? a : b;
}
