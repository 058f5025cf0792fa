"""Answering a re-ask: what stands against one subject now, read from the register, signed by the city's list key."""

from pathlib import Path

import msgspec

from central.lists.cities import entries
from central.lists.role_keys import RoleKeys
from central.register.registry import register
from credit.rules.listing import LISTS, role_of
from sync.wire.reasks import Reask, Reasked, ReaskedEntry, sign_reasked


def answer_reask(state: Path, asked: Reask, *, now_ms: int) -> str:
    """Return the signed answer (blocking); raise RegistryError for a city not here, KeyFolderError without its key."""
    with register(state) as conn:
        found = entries(conn, asked.issuer, now_ms, subject=bytes.fromhex(asked.subject))
    keys, role = RoleKeys(state / "keys"), role_of(LISTS, asked.issuer)
    answer = Reasked(
        issuer=asked.issuer,
        subject=asked.subject,
        nonce=asked.nonce,
        at_ms=now_ms,
        entries=msgspec.convert(found, list[ReaskedEntry]),
    )
    return sign_reasked(answer, keys.private(role), kid=keys.public(role).keyid)
