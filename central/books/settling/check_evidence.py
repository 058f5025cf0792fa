"""Checks a file of evidence from Xinguan without Xinguan: `python check_evidence.py FILE [--platform-key HEX]`.

Needs Python 3.11 and `cryptography`. It holds: the platform signed the file; each record is, byte for byte, in the
chain that its terminal sealed. Compare the platform's key with one you have from elsewhere: no file vouches for itself.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def unpadded(text: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def opened(seal: str, public_key: str) -> dict[str, object]:
    """Return what a seal (compact JWS, EdDSA) says; raise InvalidSignature."""
    head, payload, signature = seal.split(".")
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
        unpadded(signature), f"{head}.{payload}".encode()
    )
    return dict(json.loads(unpadded(payload)))


def check(whole: dict[str, object], platform_key: str | None) -> list[str]:
    """Return what is wrong with the file; nothing when it holds."""
    body, wrong = whole["evidence"], []
    assert isinstance(body, dict)  # noqa: S101 - a file of another form fails here
    key = platform_key or body["platform"]["key"]
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
            base64.b64decode(str(whole["signature"])), b"xinguan-evidence-1\n" + text.encode()
        )
    except InvalidSignature:
        wrong.append("the platform did not sign this file")
    for fact in body["facts"]:
        place = f"{fact['terminal']} {fact['epoch']} {fact['seq']}"
        if fact["seal"] is None:
            wrong.append(f"{place}: no seal is kept for it")
            continue
        records = [base64.b64decode(one) for one in fact["records"]]
        hashed = bytes.fromhex(fact["before"])
        for record in records:
            hashed = hashlib.sha256(hashed + record).digest()
        try:
            seal = opened(fact["seal"], body["terminals"][fact["terminal"]]["public_key"])
        except InvalidSignature:
            wrong.append(f"{place}: the terminal did not sign this seal")
            continue
        if seal["head_hash"] != hashed.hex() or json.loads(records[0])["redemption"] != body["redemption"]:
            wrong.append(f"{place}: the record is not in the sealed chain")
    return wrong


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    faults = check(found, sys.argv[3] if len(sys.argv) > 3 else None)  # noqa: PLR2004 - FILE --platform-key HEX
    for one in found["evidence"]["facts"]:
        sys.stdout.write(base64.b64decode(one["records"][0]).decode() + "\n" if one["seal"] else "(no seal)\n")
    sys.stdout.write(
        "\n".join(faults) + "\n" if faults else "holds: every record is in a chain that its terminal sealed\n"
    )
    sys.exit(1 if faults else 0)
