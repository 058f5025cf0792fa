"""What a terminal may do, and the orders that tell it so.

An order's number is the unix time in milliseconds, or one above the last order of any terminal where that is higher:
so a platform restored from a backup never gives a number that a terminal has obeyed before. The orders that a
terminal has not obeyed are told with every answer, oldest first, so none is skipped; the terminal's own fact (body
member `order`) ends the telling. After a fork the terminal may have forgotten: it is told from the first again, and
passes over what it knows. Of several orders to begin an epoch the last alone is told: whoever obeys it has left every
epoch that was forked, and each that is obeyed is another epoch, a doubt, and the whole memory asked for once more. Two
machines under one name are told that they are two for as long as they are: what one of them obeyed says nothing of the
other.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from central.register.sites import complete, enrolled_at, hub_of, lanes_of
from storage.jobs import Tx
from sync.wire.messages import MAX_ORDERS, Command, WireError, decode
from sync.wire.profiles import Lane, Profile, SignedProfile

Action = Literal[
    "suspend", "resume", "revoke", "new_epoch", "profile", "stop_entry", "resume_entry", "twin", "lift", "write_off"
]
STATE_AFTER = {"suspend": "suspended", "resume": "active", "revoke": "revoked"}

LAST = (
    "SELECT CASE WHEN c.n > l.n THEN c.n ELSE l.n END FROM (SELECT coalesce(max(number), 0) AS n FROM commands) c,"
    " (SELECT coalesce(max(number), 0) AS n FROM lifted) l"
)
NEXT = (
    "SELECT c.number, c.action, c.reason, l.terminal FROM commands c JOIN terminals t ON t.terminal = c.terminal"  # noqa: S608 - a figure of ours
    " LEFT JOIN lifted l ON l.number = c.number"
    " WHERE c.terminal = $1 AND (c.number > t.obeyed OR (c.action = 'twin' AND c.number >= t.twin_ms))"
    " AND (c.action <> 'new_epoch' OR NOT EXISTS (SELECT 1 FROM commands n WHERE n.terminal = c.terminal"
    " AND n.action = 'new_epoch' AND n.number > c.number))"
    f" ORDER BY c.number LIMIT {MAX_ORDERS}"
)
OBEYED = (
    "UPDATE terminals SET obeyed = $1 WHERE terminal = $2 AND obeyed < $1"
    " AND EXISTS (SELECT 1 FROM commands WHERE terminal = $2 AND number = $1)"
)
FORGOTTEN = "UPDATE terminals SET obeyed = 0 WHERE terminal = $1"
ORDER = "INSERT INTO commands (terminal, number, action, reason, made_ms) VALUES ($1, $2, $3, $4, $5)"
PROFILE = "SELECT profile FROM terminals WHERE terminal = $1"
SET_PROFILE = "UPDATE terminals SET site = $1, profile = $2 WHERE terminal = $3"
SET_STATE = "UPDATE terminals SET state = $1 WHERE terminal = $2"
VOID_CODES = "DELETE FROM codes WHERE terminal = $1 AND used_ms IS NULL"


async def order(tx: Tx, terminal: str, action: Action, *, reason: str, now_ms: int) -> int:
    """Give `terminal` an order and return its number."""
    number = await next_number(tx, now_ms=now_ms)
    await tx.execute(ORDER, terminal, number, action, reason, now_ms)
    return number


async def next_number(tx: Tx, *, now_ms: int) -> int:
    """Return the number of the next order: of another terminal's as well it is above the last."""
    last = await tx.row(LAST)
    return max((int(last[0]) if last else 0) + 1, now_ms)


async def standing_orders(tx: Tx, terminal: str) -> list[Command | SignedProfile]:
    """Return the orders that `terminal` has not obeyed, oldest first, as many as one answer tells."""
    return (await orders_of_each(tx, [terminal]))[0]


async def orders_of_each(tx: Tx, terminals: Sequence[str]) -> list[list[Command | SignedProfile]]:
    """Return the orders that each of `terminals` has not obeyed, oldest first, as many as one answer tells.

    Of several new profiles the newest is told, under each number.
    """
    found: list[list[Command | SignedProfile]] = []
    for terminal, rows in zip(terminals, await tx.rows_each(NEXT, [(one,) for one in terminals]), strict=True):
        told: list[Command | SignedProfile] = []
        for number, action, reason, about in rows:
            if action == "profile":
                told.append(SignedProfile(terminal=terminal, number=number, profile=await profile_of(tx, terminal)))
            else:
                order = Command(terminal=terminal, number=number, action=action, reason=reason)
                told.append(order if about is None else msgspec.structs.replace(order, about=about))
        found.append(told)
    return found


async def profile_of(tx: Tx, terminal: str) -> Profile:
    """Return the profile that a registered terminal is told; raise WireError("not_found")."""
    row = await tx.row(PROFILE, terminal)
    if row is None:
        raise WireError("not_found", f"no terminal {terminal!r} is registered here")
    return await complete(tx, terminal, decode(row[0], Profile))


async def set_profile(tx: Tx, terminal: str, profile: Profile, *, now_ms: int) -> int:
    """Give `terminal` another profile and return the order's number; raise WireError("not_found")."""
    lanes = await lanes_of(tx, profile.site)
    if not await tx.execute(SET_PROFILE, profile.site, msgspec.json.encode(profile).decode(), terminal):
        raise WireError("not_found", f"no terminal {terminal!r} is registered here")
    await tell_of_lanes(tx, profile.site, lanes, but=terminal, now_ms=now_ms)
    return await order(tx, terminal, "profile", reason="", now_ms=now_ms)


async def tell_site(tx: Tx, site: str, *, but: str, now_ms: int) -> None:
    """Order a new profile to everybody enrolled at a site, except `but`: what it says of the site has changed."""
    for one in await enrolled_at(tx, site):
        if one != but:
            await order(tx, one, "profile", reason="", now_ms=now_ms)


async def tell_of_lanes(tx: Tx, site: str, before: list[Lane], *, but: str, now_ms: int) -> None:
    """Tell a site when its only lane is no longer the only one, or has become it: nothing else hangs on the others."""
    after = await lanes_of(tx, site)
    if (len(before) == 1) != (len(after) == 1):
        await tell_site(tx, site, but=but, now_ms=now_ms)


async def tell_hub(tx: Tx, site: str, *, now_ms: int) -> None:
    """Order its hub the new list of whom it serves, where the site has one."""
    hub = await hub_of(tx, site)
    if hub is not None:
        await order(tx, hub.terminal, "profile", reason="", now_ms=now_ms)


async def set_entry(tx: Tx, site: str, *, stopped: bool, reason: str, now_ms: int) -> int:
    """Order every terminal of a site to stop entry, or to let it go on; return how many were ordered.

    Raises WireError("not_found") for a site where nobody is enrolled.
    """
    terminals = await enrolled_at(tx, site)
    if not terminals:
        raise WireError("not_found", f"no terminal is enrolled at site {site!r}")
    for one in terminals:
        await order(tx, one, "stop_entry" if stopped else "resume_entry", reason=reason, now_ms=now_ms)
    return len(terminals)


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
    profile = await profile_of(tx, terminal)
    if profile.role == "hub":
        await tell_site(tx, profile.site, but=terminal, now_ms=now_ms)
    else:
        await tell_hub(tx, profile.site, now_ms=now_ms)
    return await order(tx, terminal, action, reason=reason, now_ms=now_ms)
