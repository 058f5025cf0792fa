"""Accounts for the office in the demo, and nowhere else: one for each role, with one password drawn for this run.

Besides, the two whose tokens the demo's buttons use, for what needs two people.
"""

import secrets
from pathlib import Path
from typing import Final, NamedTuple

from central.clock import now_ms
from central.demo.street import town
from central.platform_state import open_state
from central.register.accounts import operators, sessions
from central.register.accounts.duties import Duty, Role
from central.register.accounts.passwords import hashed
from central.store import changed
from storage.jobs import Tx

PASSWORD_BYTES: Final = 9
NAMES: Final = dict(zip(Role, ("李雷", "韩梅", "王芳", "赵敏", "陈静", "周正"), strict=True))


class Accounts(NamedTuple):
    """Who can log in to the demo's office, and with which password."""

    names: tuple[str, ...]
    password: str


def open_accounts(state: Path) -> Accounts:
    """Enter one account for each role; return them with the password of this run."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    kept, at_ms = hashed(password), now_ms()

    async def job(tx: Tx) -> None:
        for role in Role:
            duties = (Duty(town.CITY, role, town.AUTHORITIES[town.CITY]),)
            await operators.add(tx, role.value, title=NAMES[role], password=kept, duties=duties, now_ms=at_ms)

    changed(open_state(state), job)
    return Accounts(tuple(Role), password)


class Pair(NamedTuple):
    """API tokens of the two who make and approve what the demo's buttons do."""

    clerk: str
    checker: str


def open_pair(state: Path) -> Pair:
    """Enter the demo's own clerk and checker, for every city; return their tokens. Nobody knows their passwords."""
    kept, at_ms = hashed(secrets.token_urlsafe(PASSWORD_BYTES)), now_ms()
    pair = Pair(sessions.fresh_secret(), sessions.fresh_secret())
    scopes = {
        Role.CLERK: frozenset({"measure.propose", "repair.propose", "read"}),
        Role.CHECKER: frozenset({"measure.approve", "repair.approve", "read"}),
    }

    async def job(tx: Tx) -> None:
        for role, secret in zip((Role.CLERK, Role.CHECKER), pair, strict=True):
            name, until_ms = f"demo-{role.value}", at_ms + sessions.MAX_TOKEN_DAYS * sessions.DAY_MS
            duties = tuple(Duty(city, role, authority) for city, authority in town.AUTHORITIES.items())
            await operators.add(tx, name, title="演示按钮", password=kept, duties=duties, now_ms=at_ms)
            scope = scopes[role]
            await sessions.make_token(tx, name, secret, title="demo", scope=scope, until_ms=until_ms, now_ms=at_ms)

    changed(open_state(state), job)
    return pair
