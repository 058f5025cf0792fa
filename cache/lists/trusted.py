"""The lists in force, as one immutable view (lists.md).

Rules of this file:

- a decision takes one view and keeps it; a switch makes another, so a reader never sees half of a change;
- what was killed stays killed, whichever files are in force;
- benefits, calendars, site sets and the tier mapping are the home city's, whose sites these are: no other city can give
  anything away here. Keys, measures and measure codes are every city's, for their own tokens;
- the shop's own offers join the home city's benefits and take the place of none (`cache.offers.own`);
- an issuer whose measures or revocations are not here has no all-clear: its age is NO_LIST_AGE_S, older than any bound;
  so is a list that is older than the home city's policy lets its kind be (`credit.rules.ages`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Self

from cache.lists.content import Content, Rules
from cache.lists.values import RoleState
from cache.offers.own import NO_OFFERS, OwnOffers
from credit.claims import Token
from credit.keys import Keyring
from credit.policy import Policy, Zones
from credit.rules.listing import ISSUERS, KINDS, LISTS, RULES, city_of, role_of
from credit.rules.measures import MeasureEntry

NO_LIST_AGE_S: Final = 100 * 366 * 86_400
MAX_CITIES: Final = 256  # whose roles' names are at hand
MAX_AGES: Final = 64  # that are kept, of a city at a second
ALL, SOME, NOTHING = "all", "some", "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedLists:
    """Keys, rules, measures and revocations in force. `problems` says, by role, why its newest version is not."""

    keyring: Keyring = field(default_factory=Keyring.empty)
    policy: Policy = field(default_factory=Policy.empty)
    contents: Mapping[str, Content] = field(default_factory=dict)
    states: Mapping[str, RoleState] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    newest_ms: int = 0
    _ages: dict[tuple[str, int], int] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        contents: Mapping[str, Content],
        states: Mapping[str, RoleState],
        *,
        home: str,
        killed: frozenset[tuple[str, bytes]],
        own: OwnOffers = NO_OFFERS,
    ) -> Self:
        """Join the contents of all cities' roles, and the shop's own offers, into one view."""
        keyrings = [contents[role].keyring for role in sorted(contents) if contents[role].kind == ISSUERS]
        return cls(
            keyring=Keyring.merged(keyrings, killed=killed),
            policy=_policy(contents, home, own),
            contents=MappingProxyType(dict(contents)),
            states=MappingProxyType(dict(states)),
        )

    def with_offers(self, own: OwnOffers, *, home: str) -> Self:
        """Return the same lists with these own offers of the shop."""
        return replace(self, policy=_policy(self.contents, home, own))

    @property
    def versions(self) -> Mapping[str, int]:
        """The version in force of every role."""
        return {role: state.version for role, state in sorted(self.states.items())}

    def versions_about(self, city: str) -> Mapping[str, int]:
        """Return the versions in force of what `city` signs: what a decision about its people rests on."""
        return {role: self.states[role].version for role in _roles_of(city) if role in self.states}

    def missing(self, city: str) -> tuple[str, ...]:
        """Return which roles of `city` are not in force at all: without one nothing can be judged for it."""
        return tuple([role for role in _roles_of(city) if role not in self.states])

    @property
    def set_aside(self) -> Mapping[str, tuple[str, ...]]:
        """What is wrong with entries that are passed over, by role; the rest of their lists is in force."""
        return {role: one.aside for role, one in sorted(self.contents.items()) if one.aside}

    def measures(self, issuer: str, subject: bytes) -> tuple[MeasureEntry, ...]:
        """Return the entries about `subject` of `issuer`, disputed and expired ones included.

        Raises ListUnreadableError.
        """
        content = self.contents.get(role_of(LISTS, issuer))
        return content.measures.get(subject, ()) if content else ()

    def seen(self, token: Token) -> Token:
        """Return a token as the issuer's member list has it: tier and groups are the list's where it names the subject.

        Raises ListUnreadableError.
        """
        content = self.contents.get(role_of(LISTS, token.issuer))
        membership = content.membership(token.subject) if content else None
        return replace(token, tier=membership.tier, groups=membership.groups) if membership else token

    def revoked(self, issuer: str, token_id: bytes, status_index: int | None) -> bool:
        """Return whether a token is revoked, by its id or by its status index."""
        content = self.contents.get(role_of(LISTS, issuer))
        return content is not None and content.revocations.revoked(token_id, status_index)

    def age_s(self, issuer: str, now_s: int) -> int:
        """Return the age in seconds of the oldest list that decisions about `issuer` rest on.

        A visit asks five times, and all visits of one second ask the same: so it is kept as long.
        """
        known = self._ages.get((issuer, now_s))
        if known is None:
            if len(self._ages) >= MAX_AGES:
                self._ages.clear()
            known = self._ages[issuer, now_s] = max(self._age_s(kind, issuer, now_s) for kind in KINDS)
        return known

    def _age_s(self, kind: str, issuer: str, now_s: int) -> int:
        state = self.states.get(role_of(kind, issuer))
        age_s = NO_LIST_AGE_S if state is None else _age(state, now_s * 1000)
        return NO_LIST_AGE_S if self.policy.ages.too_old(kind, age_s) else age_s

    def allows(self, role: str, age_s: int) -> str:
        """Return how much the signed policy gives on a list of this age: ALL, SOME or NOTHING."""
        kind, ages = (city_of(role) or (role, ""))[0], self.policy.ages
        step = None if ages.too_old(kind, age_s) else ages.step(age_s)
        return NOTHING if step is None else SOME if step.restricts else ALL

    def ages(self, now_ms: int) -> Mapping[str, int]:
        """Return the age in seconds of every role in force: since a signed timestamp last called it the newest."""
        return {role: _age(state, now_ms) for role, state in sorted(self.states.items())}


@lru_cache(maxsize=MAX_CITIES)
def _roles_of(city: str) -> tuple[str, ...]:
    """Return the names of what a city signs."""
    return tuple(role_of(kind, city) for kind in KINDS)


def _policy(contents: Mapping[str, Content], home: str, own: OwnOffers) -> Policy:
    every = [one for one in contents.values() if one.kind == RULES]
    rules = next((one.rules for one in every if one.city == home), Rules())
    issuers = contents.get(role_of(ISSUERS, home))
    return Policy.compile(
        benefits=(*rules.benefits, *own.benefits(rules.benefits, issuer=home, zone=rules.zone)),
        calendars=rules.calendars,
        sites=rules.sites,
        codes={key: code for one in every for key, code in one.rules.codes.items()},
        mappings={home: issuers.mapping} if issuers else {},
        zones=Zones({one.city: one.rules.zone for one in every}, rules.zone),
        ages=rules.ages,
    )


def _age(state: RoleState, now_ms: int) -> int:
    return max(0, now_ms - state.confirmed_ms) // 1000
