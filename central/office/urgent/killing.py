"""The kill-switch: one person ends a signing key at once, and everybody who works here is told (lists.md).

It is the only act of weight that does not wait for a second pair of eyes: a stolen key makes credentials until it is
dead. A killed key stays killed; every credential under it is refused, everywhere, within seconds.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from central.lists.measure_calls import kill_key
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.refusals import RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.registry import register

KEYS: Final = "SELECT kid, entry, killed_ms FROM issuer_key WHERE city = ? ORDER BY kid"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A signing key of a city: its kid in hex, until when it may sign, and when it was killed."""

    kid: str
    until_s: int
    killed_ms: int | None


def keys_of(state: Path, city: str) -> list[SigningKey]:
    """Return the signing keys of a city."""
    with register(state) as conn:
        rows = conn.execute(KEYS, (city,)).fetchall()
    return [
        SigningKey(kid=bytes(kid).hex(), until_s=int(json.loads(entry).get("until", 0)), killed_ms=killed_ms)
        for kid, entry, killed_ms in rows
    ]


async def kill(desk: Desk, who: Person, city: str, kid: str, asked: Asked) -> dict[str, Any]:
    """Kill one signing key of the city; raise RefusedError, ForbiddenError."""
    who.check("key.kill", city)
    asked = asked.checked(desk.now_ms())
    known = {one.kid: one for one in await desk.run(lambda: keys_of(desk.folder, city))}
    if kid not in known or known[kid].killed_ms is not None:
        raise RefusedError(f"{city} 没有在用的密钥 {kid} · {city} has no such key in force")
    act = Act(act="key.kill", city=city, subject=kid, why=asked.why, once=asked.once)
    called = await desk.effect(
        who,
        act,
        lambda: kill_key(desk.folder, city, kid=bytes.fromhex(kid), now_ms=desk.now_ms()),
        lambda one: one.told(),
    )
    return {"kid": kid, **called.told()}
