"""What opening a token costs beyond the signatures in it: one JSON object a line.

The floor of a case is the bare signature checks that it contains, run in the same round; a round takes floor and case
in turn, so a busy machine slows both, and counts processor time. `ratio` is the median over the rounds of case / floor.

    python bench/token.py [--rounds 100]
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ed25519

from central.register import minting
from credit.keys import Keyring
from credit.tokens import TokenError, open_token

NOW = 1_790_000_000
CREDENTIALS = 32  # distinct ones, so that no case lives on a single hot credential
SITE = "xiannvshan"
HEADER_BEGINS = bytes.fromhex("d284 590140 a3 0132 0d d284")  # as a presentation's
HEADER_ENDS = bytes.fromhex(
    "10 190126 a0 40 a3 061a7fffffff 0748 0101010101010101 182740"
)  # and claims up to a challenge


class Case(NamedTuple):
    """`run` opens texts[i]; `floor` makes the bare checks beside it; `target` bounds ratio."""

    name: str
    run: Callable[[int], object]
    floor: Callable[[], object]
    target: float


class Shown(NamedTuple):
    """What the cases present."""

    static: list[str]
    bound: list[str]
    keyring: Keyring
    public: ed25519.Ed25519PublicKey
    signature: bytes


MESSAGE = bytes(200)  # about the length of a Sig_structure


def make() -> Shown:
    """Sign what will be shown."""
    issuer = minting.issuer_key("wulong", b"\x01" * 32)
    holder = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
    keyring = Keyring.from_json(json.dumps([minting.public_entry(issuer, from_s=0, until_s=2 * NOW)]).encode())
    static, bound = [], []
    for number in range(CREDENTIALS):
        claims = {
            "subject": number.to_bytes(16, "big"),
            "tier": 4,
            "token_id": number.to_bytes(8, "big"),
            "iat": NOW - 3600,
            "exp": NOW + 30 * 86_400,
            "groups": [12, 300],
            "region": 500156,
            "status_index": 123456 + number,
        }
        static.append(minting.to_text(minting.mint_credential(issuer, minting.Credential(**claims, max_uses=5))))
        credential = minting.mint_credential(issuer, minting.Credential(**claims, holder_key=holder.public_key()))
        bound.append(minting.to_text(minting.present(credential, holder, iat=NOW, nonce=bytes(8), audience=SITE)))
    return Shown(static, bound, keyring, issuer.private.public_key(), minting.sign(issuer.private, MESSAGE))


def worst(shown: Shown) -> dict[str, str]:
    """Return refused texts that take long.

    600 characters that are strict CBOR to the last byte; what looks like the end of a usual presentation's header in
    fifteen places (credit/opening/usual.py); bad signatures.
    """
    forged = shown.bound[0][:-3] + ("000" if shown.bound[0][-3:] != "000" else "111")
    return {
        "items": minting.to_text(b"\x99\x01\x8a" + bytes(394)),
        "nested": minting.to_text(b"\xa1\x00" * 5 + b"\x99\x01\x80" + bytes(384)),
        "base45": "XG1:" + "Z" * 596,
        "backtracking": minting.to_text((HEADER_BEGINS + HEADER_ENDS * 15)[:397]),
        "forged": forged,
    }


def opener(shown: Shown, texts: list[str], *, remember: bool = False) -> Callable[[int], object]:
    """Return what opens one of `texts`; unless `remember`, no credential is known beforehand."""

    def run(number: int) -> object:
        if not remember:
            shown.keyring.verified.clear()
        try:
            return open_token(texts[number % len(texts)], shown.keyring, now=NOW, audience=SITE)
        except TokenError as error:
            return error.reason

    return run


def cases(shown: Shown) -> Iterator[Case]:
    """Yield the cases with the floors they are held against."""

    def check() -> None:
        shown.public.verify(shown.signature, MESSAGE)

    def check_twice() -> None:
        check()
        check()

    good = opener(shown, shown.bound)
    yield Case("token.static", opener(shown, shown.static), check, 1.30)
    yield Case("token.bound", good, check_twice, 1.25)
    yield Case("token.bound.repeat", opener(shown, shown.bound, remember=True), check_twice, 0.75)
    for name, text in worst(shown).items():
        yield Case(f"token.refused.{name}", opener(shown, [text]), lambda: good(0), 2.0)


def measure(case: Case, rounds: int, calls: int = 16) -> dict[str, object]:
    """Run `case` and its floor in turn; times are per call, medians over the rounds."""
    ratios, runs, floors = [], [], []
    clock = time.thread_time  # processor time: being put aside for another program is not part of the cost
    for _ in range(rounds):
        start = clock()
        for _number in range(calls):
            case.floor()
        middle = clock()
        for number in range(calls):
            case.run(number)
        floor, run = middle - start, clock() - middle
        ratios.append(run / floor)
        runs.append(run / calls)
        floors.append(floor / calls)
    ratio = statistics.median(ratios)
    return {
        "bench": case.name,
        "us": round(statistics.median(runs) * 1e6, 1),
        "floor_us": round(statistics.median(floors) * 1e6, 1),
        "ratio": round(ratio, 3),
        "target": case.target,
        "met": ratio <= case.target,
        "rounds": rounds,
    }


def main() -> int:
    """Print one line a case; 0 whether or not the targets are met, since the machine may be busy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    shown = make()
    for case in cases(shown):
        measure(case, 3)
        print(json.dumps(measure(case, rounds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
