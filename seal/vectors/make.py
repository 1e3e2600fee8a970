#!/usr/bin/env python3
"""Makes the golden vectors beside it, from primitives of Python's `cryptography` and hashlib: an independent implementation of KEYS.md.

    python3 seal/vectors/make.py            writes the files
    python3 seal/vectors/make.py --check    says whether they are what it would write

The inputs are fixed, so the outputs are. Every number is text, because a u64 does not fit into JSON's numbers everywhere.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys
import unicodedata

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HERE = pathlib.Path(__file__).parent


def fixed(name, size=32):
    """Bytes that look random and are not."""
    return hashlib.shake_256(b"celosia test vector " + name.encode()).digest(size)


def u64(number):
    return number.to_bytes(8, "big")


# --- HKDF (RFC 5869) and the hierarchy

def extract(salt, secret):
    return hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()


def expand(key, info, size):
    out, block = b"", b""
    while len(out) < size:
        block = hmac.new(key, block + info + bytes([len(out) // 32 + 1]), hashlib.sha256).digest()
        out += block
    return out[:size]


def hkdf(secret, info):
    return expand(extract(b"", secret), info, 32)


def group_secret(content_key, group):
    return hkdf(content_key, b"celosia group v1" + u64(group))


def layer_key(secret):
    return hkdf(secret, b"celosia layer v1")


def commitment(secret):
    return hkdf(secret, b"celosia commitment v1")


def keys():
    for content_key in (bytes(32), fixed("content key")):
        for group in (0, 1, 2**32, 2**64 - 1):
            secret = group_secret(content_key, group)
            yield {
                "content_key": content_key,
                "group": group,
                "group_secret": secret,
                "layer_key": layer_key(secret),
                "commitment": commitment(secret),
            }


# --- layers

def padded(n):
    step = 2 ** max(4, n.bit_length() - 1 - 4)
    return -(-n // step) * step


def ctr(key, sequence, index, data):
    block = u64(sequence) + index.to_bytes(4, "big") + bytes(4)
    return Cipher(algorithms.AES(key), modes.CTR(block)).encryptor().update(data)


def plaintext(payload):
    framed = len(payload).to_bytes(4, "big") + payload
    return framed.ljust(padded(len(framed)), b"\0")


def layers():
    secret = group_secret(fixed("content key"), 7)
    places = [(0, 1), (1, 1), (2**32, 12), (2**64 - 1, 2**32 - 1)]
    sizes = [0, 1, 11, 12, 13, 252, 253, 1000, 5000]
    for first in (True, False):
        for number, size in enumerate(sizes):
            sequence, index = places[number % len(places)]
            payload = fixed(f"layer {size}", size)
            sealed = ctr(layer_key(secret), sequence, index, plaintext(payload))
            yield {
                "group_secret": secret,
                "sequence": sequence,
                "index": index,
                "first": "yes" if first else "no",
                "payload": payload,
                "sealed": (commitment(secret) if first else b"") + sealed,
            }
    good = plaintext(b"twenty bytes of it..")
    assert len(good) == 32
    malformed = {
        "padding is not zero": good[:-1] + b"\1",
        "a step too many": good + bytes(16),
        "length beyond the bytes": (29).to_bytes(4, "big") + good[4:],
        "largest length": b"\xff" * 4 + good[4:],
        "not a multiple of 16": good[:-1],
        "empty": b"",
    }
    for refused, plain in malformed.items():
        sealed = ctr(layer_key(secret), 3, 1, plain)
        yield {"group_secret": secret, "sequence": 3, "index": 1, "first": "no", "sealed": sealed, "refused": refused}
    other = commitment(group_secret(fixed("content key"), 8)) + ctr(layer_key(secret), 3, 1, good)
    yield {"group_secret": secret, "sequence": 3, "index": 1, "first": "yes", "sealed": other, "refused": "commitment of another group"}
    short = commitment(secret)[:31]
    yield {"group_secret": secret, "sequence": 3, "index": 1, "first": "yes", "sealed": short, "refused": "commitment cut off"}


# --- HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM

KEM = b"KEM" + (0x20).to_bytes(2, "big")
SUITE = b"HPKE" + (0x20).to_bytes(2, "big") + (1).to_bytes(2, "big") + (2).to_bytes(2, "big")


def labeled_extract(suite, salt, label, secret):
    return extract(salt, b"HPKE-v1" + suite + label + secret)


def labeled_expand(suite, key, label, info, size):
    return expand(key, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, size)


def derive_private(seed):
    return labeled_expand(KEM, labeled_extract(KEM, b"", b"dkp_prk", seed), b"sk", b"", 32)


def public_of(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def hpke_context(shared, enc, recipient, info):
    secret = expand_shared(shared, enc + recipient)
    context = (
        b"\0"
        + labeled_extract(SUITE, b"", b"psk_id_hash", b"")
        + labeled_extract(SUITE, b"", b"info_hash", info)
    )
    secret = labeled_extract(SUITE, secret, b"secret", b"")
    return labeled_expand(SUITE, secret, b"key", context, 32), labeled_expand(SUITE, secret, b"base_nonce", context, 12)


def expand_shared(shared, kem_context):
    return labeled_expand(KEM, labeled_extract(KEM, b"", b"eae_prk", shared), b"shared_secret", kem_context, 32)


def hpke_sender(seed, recipient, info):
    ephemeral = derive_private(seed)
    enc = public_of(ephemeral)
    shared = X25519PrivateKey.from_private_bytes(ephemeral).exchange(X25519PublicKey.from_public_bytes(recipient))
    return enc, *hpke_context(shared, enc, recipient, info)


def rfc9180():
    """The RFC's published keys for this suite. Its ciphertexts are checked by the SHAKE128 of a thousand of them,
    as Go's standard library accumulates its vectors."""
    seed_e = bytes.fromhex("2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9")
    seed_r = bytes.fromhex("dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee")
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
    private = derive_private(seed_r)
    recipient = public_of(private)
    assert private.hex() == "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d"
    assert recipient.hex() == "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c"
    enc, key, base_nonce = hpke_sender(seed_e, recipient, info)
    assert enc.hex() == "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256"
    nonce = lambda number: bytes(a ^ b for a, b in zip(base_nonce, number.to_bytes(12, "big")))

    source, at, sink = hashlib.shake_128().digest(1 << 20), 0, hashlib.shake_128()
    for number in range(1000):
        drawn = []
        for _ in range(2):
            size = source[at]
            drawn.append(source[at + 1 : at + 1 + size])
            at += 1 + size
        sink.update(AESGCM(key).encrypt(nonce(number), drawn[1], drawn[0]))
    assert sink.digest(16).hex() == "1702e73e1e71705faa8241022af1deea", "not HPKE"

    plain, aad = b"Beauty is truth, truth beauty", b"Count-0"
    yield {
        "seed": seed_e,
        "private_key": private,
        "public_key": recipient,
        "info": info,
        "aad": aad,
        "plaintext": plain,
        "enc": enc,
        "ciphertext": AESGCM(key).encrypt(nonce(0), plain, aad),
    }


# --- viewers and grants

class Viewer:
    def __init__(self, name):
        self.exchange_private = fixed(name + " exchange")
        self.signing_private = fixed(name + " signing")
        self.exchange_key = X25519PrivateKey.from_private_bytes(self.exchange_private)
        self.signing_key = Ed25519PrivateKey.from_private_bytes(self.signing_private)
        self.exchange = self.exchange_key.public_key().public_bytes_raw()
        self.signing = self.signing_key.public_key().public_bytes_raw()
        self.fingerprint = fingerprint(self.exchange, self.signing)


def fingerprint(exchange, signing):
    return hashlib.sha256(b"celosia viewer v1" + exchange + signing).digest()


def grants():
    viewer = Viewer("guard")
    camera, nonce = fixed("camera"), fixed("session", 16)
    for label, number in (("till", 0), ("face", 9), ("whole-frame", 10), ("a-label-of-thirty-two-characters", 7)):
        for session, epoch in ((1, 0), (2**40, 2**63)):
            name = label.encode()
            info = b"celosia grant v1" + camera + u64(session) + nonce + u64(epoch) + bytes([len(name)]) + name + viewer.fingerprint
            content_key, seed = fixed(f"content key of {label}"), fixed(f"seed {label} {epoch}")
            enc, key, base_nonce = hpke_sender(seed, viewer.exchange, info)
            wrapped = b"\1" + enc + AESGCM(key).encrypt(base_nonce, content_key, b"")
            yield {
                "exchange_private": viewer.exchange_private,
                "signing_private": viewer.signing_private,
                "camera": camera,
                "session": session,
                "session_nonce": nonce,
                "epoch": epoch,
                "label": number,
                "label_name": label,
                "seed": seed,
                "content_key": content_key,
                "wrapped": wrapped,
            }


# --- passwords, recovery codes, wraps, public keys

def passwords():
    for password, host, account in (
        ("plough candle orbit thistle", "relay.example.org", "guard"),
        ("contrase\u00f1a celos\u00eda 1789 \U0001f512", "xn--celosa-5va.example", "the-owner"),
        ("contrasen\u0303a celosi\u0301a 1789 \U0001f512", "xn--celosa-5va.example", "the-owner"),
    ):
        salt = hashlib.sha256(b"celosia salt v1\0" + host.encode() + b"\0" + account.encode()).digest()
        typed = unicodedata.normalize("NFC", password).encode()
        stretched = hashlib.pbkdf2_hmac("sha256", typed, salt, 600_000, 32)
        master = hashlib.scrypt(stretched, salt=salt, n=2**17, r=8, p=1, dklen=32, maxmem=2**28)
        yield {
            "password": password,
            "host": host,
            "account": account,
            "salt": salt,
            "stretched": stretched,
            "master": master,
            "sign_in_secret": hkdf(master, b"celosia sign-in v1"),
            "unlock_key": hkdf(master, b"celosia unlock v1"),
        }


def recovery():
    for code in (bytes(16), b"\xff" * 16, fixed("recovery code", 16)):
        checksum = hashlib.sha256(b"celosia recovery checksum v1" + code).digest()[:4]
        text = base64.b32encode(code + checksum).decode()
        yield {
            "code": code,
            "text": "-".join(text[at : at + 4] for at in range(0, 32, 4)),
            "sign_in_secret": hkdf(code, b"celosia recovery sign-in v1"),
            "unlock_key": hkdf(code, b"celosia recovery unlock v1"),
        }


def wraps():
    viewer, unlock = Viewer("guard"), fixed("unlock key")
    for kind, number, key, private in (
        ("exchange", 1, viewer.exchange_key, viewer.exchange_private),
        ("signing", 2, viewer.signing_key, viewer.signing_private),
    ):
        pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        assert len(pkcs8) == 48
        nonce = fixed("nonce " + kind, 12)
        sealed = AESGCM(unlock).encrypt(nonce, pkcs8, b"celosia wrap v1" + bytes([number]) + viewer.fingerprint)
        yield {
            "kind": kind,
            "unlock_key": unlock,
            "fingerprint": viewer.fingerprint,
            "private_key": private,
            "nonce": nonce,
            "wrapped": nonce + sealed,
        }


def identity_files():
    viewer = Viewer("guard")
    text = lambda data: base64.b64encode(data).decode()
    password, salt = "plough candle orbit thistle", fixed("file salt")
    stretched = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 600_000, 32)
    unlock = hkdf(hashlib.scrypt(stretched, salt=salt, n=2**17, r=8, p=1, dklen=32, maxmem=2**28), b"celosia unlock v1")

    def wrapped(name, number, key):
        nonce = fixed("file nonce " + name, 12)
        pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return text(nonce + AESGCM(unlock).encrypt(nonce, pkcs8, b"celosia wrap v1" + bytes([number]) + viewer.fingerprint))

    keys = next(public())["text"]
    exchange, exchange_wrapped = text(viewer.exchange), wrapped("exchange", 1, viewer.exchange_key)
    signing, signing_wrapped = text(viewer.signing), wrapped("signing", 2, viewer.signing_key)
    salt = text(salt)
    good = f"""\
# A viewer's identity. The private keys in it open with its password only, and nobody can restore them: keep a copy.
# Give this line to a camera's owner to be granted something:
# {keys}

version = 1
salt = "{salt}"

[exchange]
public = "{exchange}"
wrapped = "{exchange_wrapped}"

[signing]
public = "{signing}"
wrapped = "{signing_wrapped}"
"""
    other_toml = f"""\
version = 0x1\r
signing = {{ wrapped = '{signing_wrapped}', public = "{signing}" }}\r
exchange.public = '''{exchange}'''\r
'exchange'.wrapped = '{exchange_wrapped}'\r
salt = "{salt}" # the salt\r
"""
    for file in (good, other_toml):
        yield {
            "file": file,
            "password": password,
            "unlock_key": unlock,
            "exchange_private": viewer.exchange_private,
            "signing_private": viewer.signing_private,
            "keys": keys,
        }
    for refused, file in (
        ("costs in the file", good + "\n[cost]\nn = 2\n"),
        ("costs beside the version", good.replace("salt =", "rounds = 1\nsalt =")),
        ("a key twice", good.replace("version = 1\n", "version = 1\nversion = 1\n")),
        ("a later version", good.replace("version = 1", "version = 2")),
        ("a version that is no whole number", good.replace("version = 1", "version = 1.0")),
        ("a version in quotes", good.replace("version = 1", 'version = "1"')),
        ("no version", good.replace("version = 1\n", "")),
        ("no signing key", good[: good.index("[signing]")]),
        ("a salt that is cut off", good.replace(salt, salt[:40])),
        ("a salt with space in it", good.replace(salt, " " + salt)),
        ("a salt without padding", good.replace(salt, salt.rstrip("="))),
        ("a salt in another form of base64", good.replace(salt, salt[:-2] + chr(ord(salt[-2]) + 1) + "=")),
        ("a salt of the other alphabet", good.replace(salt, "_" + salt[1:])),
        ("an exchange key of low order", good.replace(exchange, text(bytes(32)))),
        ("a signing key of low order", good.replace(signing, text(b"\1" + bytes(31)))),
        ("too long", good + "#" * 4096),
        ("not TOML", good + "[[["),
        ("empty", ""),
    ):
        yield {"file": file, "refused": refused}


def public():
    def vector(exchange, signing, refused=None):
        body = b"\1" + exchange + signing
        text = base64.b32encode(body + hashlib.sha256(body).digest()[:4]).decode().rstrip("=").lower()
        digits = fingerprint(exchange, signing).hex()
        out = {
            "exchange": exchange,
            "signing": signing,
            "text": "celosia1" + text,
            "fingerprint": " ".join(digits[at : at + 4] for at in range(0, 64, 4)),
        }
        return out | ({"refused": refused} if refused else {})

    guard, owner = Viewer("guard"), Viewer("owner")
    yield vector(guard.exchange, guard.signing)
    yield vector(owner.exchange, owner.signing)
    little = lambda number: number.to_bytes(32, "little")
    prime = 2**255 - 19
    yield vector(little(9), little(3))  # sound points in their one form, whose other forms are refused below
    for why, exchange in (
        ("X25519 of order 4: u = 0", little(0)),
        ("X25519 of order 4: u = 1", little(1)),
        ("X25519 of order 8", bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
        ("X25519 of order 8", bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")),
        ("X25519 of order 2: u = p - 1", little(prime - 1)),
        ("X25519 of order 4, and not canonical: u = p", little(prime)),
        ("X25519 not canonical: u = p + 9, the base point", little(prime + 9)),
        ("X25519 not canonical: the highest bit", bytes(guard.exchange[:31]) + bytes([guard.exchange[31] | 0x80])),
    ):
        yield vector(exchange, guard.signing, why)
    for why, signing in (
        ("Ed25519 of order 1", little(1)),
        ("Ed25519 of order 2", little(prime - 1)),
        ("Ed25519 of order 4: y = 0", little(0)),
        ("Ed25519 not canonical: y = p + 1", little(prime + 1)),
        ("Ed25519 not canonical: y = p + 3", little(prime + 3)),
        ("Ed25519 not on the curve: y = 2", little(2)),
    ):
        yield vector(guard.exchange, signing, why)


def text_of(value):
    return value.hex() if isinstance(value, bytes) else str(value)


def main():
    stale = []
    for make in (keys, layers, rfc9180, grants, passwords, recovery, wraps, identity_files, public):
        vectors = [{name: text_of(value) for name, value in vector.items()} for vector in make()]
        path = HERE / f"{make.__name__.replace('_', '-')}.json"
        text = json.dumps({"made_by": "seal/vectors/make.py", "vectors": vectors}, indent=1) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"not what make.py would write: {', '.join(stale)}")


main()
