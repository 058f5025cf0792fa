"""What a terminal may do, and the orders that tell it so.

An order's number is the unix time in milliseconds, or one above the last order of any terminal where that is higher:
so a platform restored from a backup never gives a number that a terminal has obeyed before. The orders that a
terminal has not obeyed are told with every answer, oldest first, so none is skipped; the terminal's own fact (body
member `order`) ends the telling. After a fork the terminal may have forgotten: it is told from the first again, and
passes over what it knows.
"""

from collections.abc import Mapping
from typing import Any, Literal

from storage.jobs import Tx
from sync.wire.messages import MAX_ORDERS, Command, WireError

Action = Literal["suspend", "resume", "revoke", "new_epoch"]
STATE_AFTER = {"suspend": "suspended", "resume": "active", "revoke": "revoked"}

LAST = "SELECT coalesce(max(number), 0) FROM commands"
NEXT = (
    "SELECT c.number, c.action, c.reason FROM commands c JOIN terminals t ON t.terminal = c.terminal"
    " WHERE c.terminal = $1 AND c.number > t.obeyed ORDER BY c.number LIMIT $2"
)
OBEYED = (
    "UPDATE terminals SET obeyed = $1 WHERE terminal = $2 AND obeyed < $1"
    " AND EXISTS (SELECT 1 FROM commands WHERE terminal = $2 AND number = $1)"
)
FORGOTTEN = "UPDATE terminals SET obeyed = 0 WHERE terminal = $1"
ORDER = "INSERT INTO commands (terminal, number, action, reason, made_ms) VALUES ($1, $2, $3, $4, $5)"
SET_STATE = "UPDATE terminals SET state = $1 WHERE terminal = $2"
VOID_CODES = "DELETE FROM codes WHERE terminal = $1 AND used_ms IS NULL"


async def order(tx: Tx, terminal: str, action: Action, *, reason: str, now_ms: int) -> int:
    """Give `terminal` an order and return its number."""
    last = await tx.row(LAST)
    number = max((int(last[0]) if last else 0) + 1, now_ms)
    await tx.execute(ORDER, terminal, number, action, reason, now_ms)
    return number


async def standing_orders(tx: Tx, terminal: str) -> list[Command]:
    """Return the orders that `terminal` has not obeyed, oldest first, as many as one answer tells."""
    rows = await tx.rows(NEXT, terminal, MAX_ORDERS)
    return [Command(terminal=terminal, number=row[0], action=row[1], reason=row[2]) for row in rows]


async def hear_obeyed(tx: Tx, terminal: str, body: Mapping[str, Any]) -> None:
    """Note that `terminal` wrote an order down as obeyed, if the fact's body names one."""
    number = body.get("order")
    if isinstance(number, int) and not isinstance(number, bool):
        await tx.execute(OBEYED, number, terminal)


async def tell_again(tx: Tx, terminal: str) -> None:
    """Begin again with the first order: this terminal was restored or cloned, and may have forgotten."""
    await tx.execute(FORGOTTEN, terminal)


async def set_state(tx: Tx, terminal: str, action: Action, *, reason: str, now_ms: int) -> int:
    """Suspend, resume or revoke `terminal` and return the order's number; raise WireError("not_found").

    Unused codes of a terminal that may no longer serve are void.
    """
    if await tx.execute(SET_STATE, STATE_AFTER[action], terminal) == 0:
        raise WireError("not_found", f"no terminal {terminal!r} is registered here")
    if action != "resume":
        await tx.execute(VOID_CODES, terminal)
    return await order(tx, terminal, action, reason=reason, now_ms=now_ms)
