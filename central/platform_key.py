"""Exchanging the platform's key so that no terminal is enrolled again (ADR 0172).

The order of writing, each durable before the next, all under the lock that backup and publishing hold:

1. the new key, beside the old one (`platform-key-next.pem`). Until 2 the old one signs;
2. the link that names it, signed by the old one (`platform-keys.json`). From here on the new one signs, under
   whatever name its file has;
3. the new key takes the old one's place, which is gone with that.

Whoever comes after a cut goes on where it was: no second key is made.
"""

from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.platform_state import (
    KEY,
    KEYS,
    LOCK,
    NEXT_KEY,
    PlatformState,
    Succession,
    open_state,
    pem_of,
    read_signer,
    read_succession,
)
from storage.files import PUBLIC, locked, replace_file, sync_folder
from sync.enrol.successors import LINK, PlatformKeys
from sync.wire.seals import sign


def rotate(folder: Path, *, now_ms: int) -> PlatformState:
    """Give the platform its next key, or end an exchange that was cut; return the folder as it is then."""
    with locked(folder / LOCK):
        state, following = open_state(folder), folder / NEXT_KEY
        if not following.exists():
            replace_file(following, pem_of(Ed25519PrivateKey.generate()))
        new = read_signer(following).public
        if new.kid not in state.chain.in_force:
            text = sign(
                PlatformKeys(number=state.chain.number + 1, keys=[new], at_ms=now_ms),
                state.signer.key,
                typ=LINK,
                kid=state.signer.public.kid,
            )
            before = read_succession(folder) or Succession(first=state.signer.public, links=[])
            after = Succession(first=before.first, links=[*before.links, text])
            replace_file(folder / KEYS, msgspec.json.encode(after), mode=PUBLIC)
        following.replace(folder / KEY)
        sync_folder(folder)
    return open_state(folder)
