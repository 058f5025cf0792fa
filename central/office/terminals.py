"""Terminals as the office orders them: suspended with a reason, let serve again."""

from typing import Final, Literal

from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.refusals import NotThereError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.standing import profile_of, set_state
from storage.jobs import Tx
from sync.wire.messages import WireError

Action = Literal["suspend", "resume"]
MAX_REASON: Final = 200


async def order(desk: Desk, who: Person, city: str, terminal: str, action: Action, asked: Asked) -> int:
    """Suspend a terminal of this city or let it serve again; return the order's number. Raises NotThereError."""
    who.check("terminal.suspend", city)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    act = Act(act=f"terminal.{action}", city=city, subject=terminal, why=asked.why, once=asked.once)

    async def job(tx: Tx) -> int:
        try:
            profile = await profile_of(tx, terminal)
            if profile.issuer != city:
                raise NotThereError(f"{city} 没有终端 {terminal} · {city} has no terminal {terminal}")
            return await set_state(tx, terminal, action, reason=asked.why[:MAX_REASON], now_ms=now_ms)
        except WireError as error:
            raise NotThereError(f"{city} 没有终端 {terminal} · {city} has no terminal {terminal}") from error

    return await desk.write(who, act, job)
