"""Who may do what: roles, bound to a city and, for measures, to an authority (谁认定谁修复). Pure; one table.

Rules of this file:

- what the table does not name, nobody may do;
- whoever may do something for one city may not do it for another;
- an act about a measure needs the duty of the very authority that decided the measure; a duty without an authority
  reaches no measure, and no duty reaches all authorities;
- the auditor reads everything and changes nothing; an API token narrows its person's rights and never widens them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class Role(StrEnum):
    """The six kinds of work in an office."""

    CLERK = "clerk"
    CHECKER = "checker"
    PUBLISHER = "publisher"
    MERCHANT = "merchant"
    FINANCE = "finance"
    AUDITOR = "auditor"


TITLES: Final[Mapping[Role, tuple[str, str]]] = {
    Role.CLERK: ("经办", "clerk"),
    Role.CHECKER: ("复核", "checker"),
    Role.PUBLISHER: ("发布", "publisher"),
    Role.MERCHANT: ("商户管理", "merchant office"),
    Role.FINANCE: ("财务", "finance"),
    Role.AUDITOR: ("审计", "auditor"),
}
EVERYBODY: Final = frozenset(Role)


class Duty(NamedTuple):
    """A role for one city; `authority` is empty where none is needed."""

    city: str
    role: Role
    authority: str = ""


class Right(NamedTuple):
    """Who may do an act. `authority`: only for what the duty's own authority decided."""

    roles: frozenset[Role]
    authority: bool = False


def _right(*roles: Role, authority: bool = False) -> Right:
    return Right(frozenset(roles), authority)


RIGHTS: Final[Mapping[str, Right]] = {
    "measure.propose": _right(Role.CLERK, authority=True),
    "measure.approve": _right(Role.CHECKER, authority=True),
    "repair.propose": _right(Role.CLERK, authority=True),
    "repair.approve": _right(Role.CHECKER, authority=True),
    "dispute.open": _right(Role.CLERK, authority=True),
    "dispute.settle": _right(Role.CHECKER, authority=True),
    "measure.undo": _right(Role.CLERK, Role.CHECKER, authority=True),
    "member.propose": _right(Role.CLERK),
    "member.approve": _right(Role.CHECKER),
    "member.undo": _right(Role.CLERK, Role.CHECKER),
    "rules.propose": _right(Role.PUBLISHER),
    "rules.approve": _right(Role.CHECKER, Role.PUBLISHER),
    "rules.force": _right(Role.CHECKER, Role.PUBLISHER),
    "rules.rollback": _right(Role.PUBLISHER),
    "sites.propose": _right(Role.MERCHANT),
    "sites.approve": _right(Role.CHECKER, Role.PUBLISHER),
    "key.kill": _right(Role.CHECKER, Role.PUBLISHER),
    "person.export": _right(Role.CLERK, Role.CHECKER),
    "person.forget": _right(Role.CHECKER),
    "emergency.look": _right(Role.CHECKER, Role.PUBLISHER),
    "application.enter": _right(Role.CLERK),
    "application.decide": _right(Role.CHECKER),
    "grant.withdraw": _right(Role.CLERK, Role.CHECKER),
    "credential.issue": _right(Role.CLERK),
    "register.import": _right(Role.CLERK),
    "register.undo": _right(Role.CLERK, Role.CHECKER),
    "conflict.settle": _right(Role.FINANCE),
    "terminal.suspend": _right(Role.MERCHANT, Role.CHECKER),
    "settlement.read": _right(Role.FINANCE, Role.AUDITOR),
    "acts.read": _right(Role.AUDITOR, Role.CHECKER),
    "names.read": _right(Role.CLERK, Role.CHECKER, Role.AUDITOR),
    "read": Right(EVERYBODY),
}
"""Every act of the office. A test tries each, as every role, for every other city and authority."""


class ForbiddenError(Exception):
    """Who asks may not. The text says which duty is missing, in both languages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is known for this request. `via` says how: a page, a command, an API token.

    `scope` is what the token may do (None: all that the person may).
    """

    operator: str
    title: str
    duties: tuple[Duty, ...]
    via: str
    scope: frozenset[str] | None = None

    def cities(self) -> tuple[str, ...]:
        """Return the cities of this person's duties."""
        return tuple(sorted({duty.city for duty in self.duties}))

    def roles(self, city: str) -> frozenset[Role]:
        """Return the roles in one city."""
        return frozenset(duty.role for duty in self.duties if duty.city == city)

    def may(self, act: str, city: str, authority: str = "") -> bool:
        """Return whether this person may do `act` for `city`, about what `authority` decided."""
        right = RIGHTS.get(act)
        if right is None or (self.scope is not None and act not in self.scope):
            return False
        return any(
            duty.city == city
            and duty.role in right.roles
            and (not right.authority or (bool(authority) and duty.authority == authority))
            for duty in self.duties
        )

    def authorities(self, act: str, city: str) -> tuple[str, ...]:
        """Return the authorities for which this person may do `act`."""
        right = RIGHTS[act]
        if self.scope is not None and act not in self.scope:
            return ()
        named = {duty.authority for duty in self.duties if duty.city == city and duty.role in right.roles}
        return tuple(sorted(named - {""}))

    def check(self, act: str, city: str, authority: str = "") -> None:
        """Raise ForbiddenError unless this person may."""
        if self.may(act, city, authority):
            return
        right = RIGHTS.get(act, Right(frozenset()))
        zh, en = ("、".join(TITLES[one][at] for one in sorted(right.roles)) for at in (0, 1))
        of = f" · {authority}" if right.authority and authority else ""
        raise ForbiddenError(
            f"此操作需要 {city}{of} 的职责（{zh}）· {act} needs a duty of {city}{of} ({en.replace('、', ', ')})"
        )
