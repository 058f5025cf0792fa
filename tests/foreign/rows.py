"""The files of lists with many entries, from docs/lists.md alone: base, delta, status list."""

import hashlib
import json
import struct
import zlib
from base64 import urlsafe_b64encode
from datetime import date

MEASURES, PAYLOAD, SUFFIX = 1, 6, 6
MOST_BITS, MOST_ROWS = 16, 128
ACTIVE, DISPUTED = 0, 1
NEVER = 65535


def sha256(data):
    return hashlib.sha256(data).digest()


def day(on):
    """Return a day as a payload says it."""
    return NEVER if on is None else (on - date(2000, 1, 1)).days


def measure(code, until, *, authority=0, state=ACTIVE):
    """Return the payload of a measure."""
    return struct.pack(">HHBB", code, day(until), authority, state)


def place(subject, bits):
    """Return (bucket, suffix) of a pseudonym."""
    key = int.from_bytes(subject[:8], "big")
    return key >> (64 - bits), (key >> (16 - bits) & (2**48 - 1)).to_bytes(SUFFIX, "big")


class Town:
    """All rows of a city at one time: {pseudonym: [payload]}."""

    def __init__(self, rows, *, bits=None):
        self.rows = {subject: sorted(payloads) for subject, payloads in rows.items() if payloads}
        self.count = sum(map(len, self.rows.values()))
        least = next(bits for bits in range(MOST_BITS + 1) if self.count <= MOST_ROWS << bits or bits == MOST_BITS)
        self.bits = least if bits is None else bits
        self.buckets = [[] for _ in range(2**self.bits)]
        for subject, payloads in self.rows.items():
            bucket, suffix = place(subject, self.bits)
            self.buckets[bucket] += [suffix + payload for payload in payloads]
        for bucket in self.buckets:
            bucket.sort()

    @property
    def root(self):
        level = [sha256(b"\0" + b"".join(bucket)) for bucket in self.buckets]
        while len(level) > 1:
            level = [sha256(b"\1" + left + right) for left, right in zip(level[::2], level[1::2], strict=True)]
        return sha256(struct.pack(">BBBBQ", 2, MEASURES, PAYLOAD, self.bits, self.count) + level[0])

    def base(self):
        head = struct.pack(">8sBBB5xQ32s8x", b"xgkeys1\n", MEASURES, PAYLOAD, self.bits, self.count, self.root)
        begins, at = [], 0
        for bucket in [*self.buckets, []]:
            begins.append(at)
            at += len(bucket)
        return head + struct.pack(f">{len(begins)}I", *begins) + b"".join(row for one in self.buckets for row in one)

    def delta_from(self, before):
        """Return what leads from `before` to here; both have the same fan-out."""
        changed = [one for one in self.rows.keys() | before.rows.keys() if self.rows.get(one) != before.rows.get(one)]
        changes = sorted((place(one, self.bits), self.rows.get(one, [])) for one in changed)
        head = struct.pack(
            ">8sBBBxIQ32s32s8x",
            b"xgdelta1",
            MEASURES,
            PAYLOAD,
            self.bits,
            len(changes),
            self.count,
            before.root,
            self.root,
        )
        told = [
            struct.pack(">H", bucket) + suffix + bytes([len(payloads)]) + b"".join(payloads)
            for (bucket, suffix), payloads in changes
        ]
        return head + b"".join(told)


def revocations(city, indexes, revoked, tokens=()):
    """Return the document of revocations: one bit per status index."""
    bits = bytearray(indexes // 8)
    for index in revoked:
        bits[index // 8] |= 1 << index % 8
    status = {"bits": 1, "lst": urlsafe_b64encode(zlib.compress(bytes(bits), 9)).rstrip(b"=").decode()}
    named = {"issuer": city, "complete": True, "tokens": [one.hex() for one in tokens], "status_list": status}
    return json.dumps(named).encode()
