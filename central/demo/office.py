"""Accounts for the office in the demo, and nowhere else: one for each role, with one password drawn for this run."""

import secrets
from pathlib import Path
from typing import Final, NamedTuple

from central.clock import now_ms
from central.demo.street import town
from central.platform_state import open_state
from central.register.accounts import operators
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
