"""Writes the seed corpus of fuzz_open_token.py from the builders of the token vectors."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "vectors" / "tokens"))

import kit  # noqa: E402 - beside the vectors

from credit.codec import cbor  # noqa: E402

FULL = kit.printed_claims(
    {5: kit.NOW - 9},
    {
        4: [9, [10, b"grant-01", 2]],
        5: 500156,
        8: 3,
        9: [b"order-01", "xiannvshan", 1, 2, 3],
        40: [1, {1: "x"}],
    },
)
HEADER = cbor.encode(kit.header())
P256_SHOWN = kit.presentation(kit.credential(kit.bound_claims(holder=kit.P256_HOLDER)), private=kit.P256_HOLDER)
SEEDS = {
    "text-good": b"\0" + kit.minting.to_text(kit.credential()).encode(),
    "text-bound": b"\0" + kit.minting.to_text(kit.presentation()).encode(),
    "text-other": b"\0https://example.cn/",
    "bytes-printed": b"\1" + kit.credential(),
    "bytes-minted": b"\1" + kit.credential(kit.minted_claims()),
    "bytes-bound": b"\1" + kit.presentation(),
    "bytes-bound-p256": b"\1" + P256_SHOWN,
    "claims-printed": b"\2" + cbor.encode(kit.printed_claims()),
    "claims-full": b"\2" + cbor.encode(FULL),
    "claims-minted": b"\2" + cbor.encode(kit.minted_claims()),
    "claims-bound": b"\2" + cbor.encode(kit.bound_claims()),
    "header": b"\3" + bytes([len(HEADER)]) + HEADER + cbor.encode(kit.printed_claims()),
    "shown": b"\4" + cbor.encode(kit.SHOWN),
    "shown-full": b"\4" + cbor.encode({3: kit.SITE, **kit.SHOWN, 39: b"A7"}),
}

if __name__ == "__main__":
    for name, seed in SEEDS.items():
        (HERE / "corpus" / "tokens" / name).write_bytes(seed)
