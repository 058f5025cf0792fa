"""How old lists may be, and what they still support at which age: `rules/<city>/list-ages.json` (docs/lists.md).

    {"issuer": "yunling",
     "ages": {"24": {}, "72": {"max_fen": {"deposit_waiver": 20000}}, "336": {"offers": ["lane", "percent"]}},
     "lists": {"lists": {"max_h": 168}}}

Rules of this file:

- `ages` are steps: up to so many hours; the first one that an age fits in counts. `offers` are the kinds that are given
  then (left out: all), `max_fen` the most that an offer of a kind may move (left out: no bound; 0: nothing);
- older than the last step: no benefit at all. `lists` bounds a kind of list by itself, sooner than that;
- what is not published is USUAL: everything for fourteen days;
- the policy is the home city's, for every city's lists; a benefit's own `offline.max_list_age_h` may only be sooner.

    >>> policy = parse_ages({"ages": {"24": {}, "72": {"offers": ["lane"], "max_fen": {"lane": 0}}}})
    >>> [policy.most_fen("free", hours * 3600) for hours in (24, 25)], policy.most_fen("lane", 72 * 3600)
    ([None, -1], 0)
    >>> policy.kept_s("free") // 3600, policy.last_s // 3600
    (24, 72)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from credit.rules.catalogue import OfferKind
from credit.rules.listing import KINDS
from credit.rules.reading import Node

HOUR_S: Final = 3600
MAX_LIST_AGE_S: Final = 14 * 86_400  # beyond it no list supports any benefit, unless a signed policy says otherwise
MAX_AGE_H: Final = 90 * 24
NOT_GIVEN: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeStep:
    """What lists up to `up_to_s` old support: kinds of offers (None: all), and the most that one of a kind moves."""

    up_to_s: int
    offers: frozenset[str] | None = None
    max_fen: Mapping[str, int] = field(default_factory=dict)

    def most_fen(self, kind: str) -> int | None:
        """Return how many fen an offer of this kind may move, None without a bound, NOT_GIVEN where it is not given."""
        if self.offers is not None and str(kind) not in self.offers:
            return NOT_GIVEN
        return self.max_fen.get(str(kind))

    @property
    def restricts(self) -> bool:
        """Whether anything is not given, or only up to an amount."""
        return self.offers is not None or bool(self.max_fen)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgePolicy:
    """The steps, youngest first, and how old each kind of list may be by itself."""

    steps: tuple[AgeStep, ...]
    lists_s: Mapping[str, int] = field(default_factory=dict)

    @property
    def last_s(self) -> int:
        """The age beyond which nothing is given."""
        return self.steps[-1].up_to_s

    def step(self, age_s: int) -> AgeStep | None:
        """Return the step that lists of this age are in, None beyond the last."""
        return next((one for one in self.steps if age_s <= one.up_to_s), None)

    def most_fen(self, kind: str, age_s: int) -> int | None:
        """Return how many fen an offer of this kind may move on lists of this age; NOT_GIVEN beyond the last step."""
        step = self.step(age_s)
        return NOT_GIVEN if step is None else step.most_fen(kind)

    def kept_s(self, kind: str) -> int:
        """Return the age up to which offers of a kind are given without a bound; -1 where they never are."""
        return self.bound_s(lambda step: step.most_fen(kind) is None)

    def given_s(self, kind: str) -> int:
        """Return the age up to which offers of a kind are given at all; -1 where they never are."""
        return self.bound_s(lambda step: step.most_fen(kind) != NOT_GIVEN)

    def too_old(self, kind: str, age_s: int) -> bool:
        """Tell whether a list of a kind (issuers, lists, rules) is older than this kind may be by itself."""
        own_s = self.lists_s.get(kind)
        return own_s is not None and age_s > own_s

    def bound_s(self, holds: Callable[[AgeStep], bool]) -> int:
        """Return until which age every step `holds`, counted from the youngest; -1 where the first does not."""
        reached = -1
        for step in self.steps:
            if not holds(step):
                break
            reached = step.up_to_s
        return reached


USUAL: Final = AgePolicy(steps=(AgeStep(up_to_s=MAX_LIST_AGE_S),))


def parse_ages(document: Any, *, path: str = "$") -> AgePolicy:
    """Return the policy of `rules/<city>/list-ages.json`; raise CatalogueError."""
    node = Node(document, path).members("issuer", "version", "ages", "lists", "issued_at")
    ages = node.need("ages")
    steps = tuple(sorted((_step(name, one) for name, one in ages.pairs()), key=lambda step: step.up_to_s))
    if not steps:
        raise ages.wrong('names no age; write at least {"336": {}}')
    lists, found = node.get("lists"), {}
    for name, one in lists.pairs() if lists else ():
        if name not in KINDS:
            raise one.wrong(f"{name!r} is no kind of list; those are {', '.join(KINDS)}")
        found[name] = one.members("max_h").need("max_h").whole(1, MAX_AGE_H) * HOUR_S
    return AgePolicy(steps=steps, lists_s=found)


def _step(name: str, node: Node) -> AgeStep:
    if not (name.isascii() and name.isdigit() and not name.startswith("0") and int(name) <= MAX_AGE_H):
        raise node.wrong(f"{name!r} is no age; write whole hours from 1 to {MAX_AGE_H}")
    offers, most = node.members("offers", "max_fen").get("offers"), node.get("max_fen")
    return AgeStep(
        up_to_s=int(name) * HOUR_S,
        offers=frozenset(str(one.choice(OfferKind)) for one in offers.items()) if offers else None,
        max_fen={_kind(kind, one): one.whole() for kind, one in most.pairs()} if most else {},
    )


def _kind(name: str, node: Node) -> str:
    return str(Node(name, node.path).choice(OfferKind))
