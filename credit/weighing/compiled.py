"""A benefit as it is asked at the gate, and how it fares there (decision.md, step 6).

The hard idea: a catalogue is read once and asked a hundred thousand times a day. So a benefit is compiled when lists
are switched (`Policy.compile`), and what lists alone can say is never looked up again:

- of every condition remains a function that asks what is still open, holding all that the benefit says; a condition
  that cannot fail leaves nothing behind;
- of every bound (limit, stock, capacity …) remains a function that names its key and what it takes;
- what many benefits ask alike (the dates of one programme, its groups) is one `Question`, and a situation answers a
  question once;
- most presentations are *ordinary*: the token bounds nothing itself, nothing is open, entry is not stopped, lists are
  young, the network is there. Then even the conditions on these fall away.

Rules of this file:

- values only; `conditions` and `demands` beside it compile, `compiling` puts together, `credit.decide` asks;
- a `Candidate` is one compiled benefit in one situation: made at the start of a decision, thrown away after it.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from credit.decision import Cause, Condition, Failure, Reach, Source
from credit.rules.ages import USUAL, AgePolicy
from credit.rules.calendars import BusinessDay, Calendar, business_day, local_time
from credit.rules.catalogue import Benefit, Limit, Offer, Per, Period, Scope, When
from credit.rules.documents import Sites
from credit.rules.offers import PRICERS, Price, Pricer
from credit.weighing.situation import Question, Situation, Standing

FEN: Final = "a|"  # how keys begin that count money
Failures = Sequence[Failure]


class Shared:
    """What the benefits of one catalogue share: calendars, sites, ages, and the questions that several of them ask."""

    def __init__(self, calendars: Mapping[str, Calendar], sites: Sites, ages: AgePolicy = USUAL) -> None:
        self.calendars = calendars
        self.sites = sites
        self.ages = ages
        self._questions: dict[Hashable, Question[Any]] = {}

    def question(self, terms: Hashable, ask: Callable[[Situation], Any]) -> Question[Any]:
        """Return the question about `terms`: the one that an earlier benefit asked, or a new one."""
        return self._questions.setdefault(terms, Question(ask))

    def all_of(self, questions: tuple[Question[Failures], ...]) -> "Question[Failures] | None":
        """Return the one question whose answer is what several fail in, in their order; None where there is none."""
        if len(questions) <= 1:
            return questions[0] if questions else None
        return self.question(
            ("all", questions), lambda situation: [failure for one in questions for failure in situation[one]]
        )

    def day(self, when: When) -> Question[BusinessDay]:
        """Return the question which business day it is."""
        zone, starts = when.zone, when.day_starts
        local = self.question(("local", zone.key), lambda situation: local_time(situation.now_ms, zone))
        return self.question(("day", when.clock), lambda situation: business_day(situation[local], starts))

    def label(self, when: When, period: Period) -> Question[str]:
        """Return the question in which day, week, month or year the business day lies."""
        day = self.day(when)
        return self.question(("label", when.clock, period), lambda situation: situation[day].name(period))

    def standing(self, home: str) -> Question[Standing]:
        """Return the question which tier and groups the holder has on the scale of the issuer `home`."""
        return self.question(("standing", home), lambda situation: situation.standing(home))

    def age_s(self, home: str) -> Question[int]:
        """Return the question how old the lists are that a benefit of the issuer `home` rests on."""
        return self.question(("age", home), lambda situation: situation.age_s(home))

    def price(self, offer: Offer) -> Question[Price]:
        """Return the question what an offer comes to for the whole amount."""
        pricer = PRICERS[offer.kind]
        return self.question(
            ("price", offer), lambda situation: pricer(offer, situation.request.amount_fen, situation.heads)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """What a bounded count is: what it means to overrun it, and over which time it counts (None: by its key alone).

    `also` is told beside `cause` where something stands under the key already; `warn` is the count from which staff
    are told; `own`: it is a limit on uses that the benefit or the holder's grant declares, told in `left`. `reach` and
    `source` say whose count it is and who states it; `tier` asks for the holder's where that decides. `leased`:
    terminals hold shares of it.
    """

    cause: Cause
    also: Cause | None = None
    rolling_ms: int | None = None
    warn: int | None = None
    own: bool = False
    reach: Reach = Reach.TERMINAL
    source: Source | None = None
    tier: Question[Standing] | None = None
    leased: bool = False

    def stated(self, situation: Situation) -> Source | None:
        """Return where the bound comes from, for this holder."""
        if self.source is None or self.tier is None:
            return self.source
        return self.source._replace(tier=situation[self.tier][0])


def reach_of(benefit: Benefit, shared: Shared) -> Reach:
    """Return how far whatever is counted for this benefit reaches: a shop's own offer no further than its terminal."""
    where = benefit.where
    if benefit.local:
        return Reach.TERMINAL
    if where.sites is None and where.site_sets is None:
        return Reach.ALL
    held = [shared.sites.sets.get(name, frozenset()) for name in where.site_sets or ()]
    return Reach.SITE if len(frozenset(where.sites or ()).union(*held)) == 1 else Reach.ALL


def stays_inside(benefit: Benefit, shared: Shared) -> bool:
    """Return whether nothing that bounds a benefit counts beyond one site."""
    return Reach.ALL not in {reach_of(benefit, shared), *(limit_reach(one, benefit, shared) for one in benefit.limits)}


def limit_reach(limit: Limit, benefit: Benefit, shared: Shared) -> Reach:
    """Return how far one limit reaches: a terminal's or a site's own no further, a programme's over everything."""
    if limit.per is Per.TERMINAL or benefit.local:
        return Reach.TERMINAL
    if limit.scope is Scope.SITE:
        return Reach.SITE
    return Reach.ALL if limit.scope is Scope.PROGRAMME else reach_of(benefit, shared)


STRANGE = Condition.WHO  # looking a member up costs more than comparing it

Demand = tuple[Bound, str, int, int | None]
"""(bound, key, n, limit): `n` of the count under `key`, at most `limit` (None: counted only)."""

Demander = Callable[[Situation, int, list[Demand]], None]
"""Adds what one bound asks for, when `int` fen are moved; nothing when there is nobody to count for."""


def is_fen(key: str) -> bool:
    """Return whether a key counts money."""
    return key.startswith(FEN)


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """What bounds a benefit: the limits it declares, all that bounds a first entry, and any later one of a pass.

    `ordinary` is `first` without what the token itself may bound; `outage` bounds since the last contact, `site` is
    the site's own room, `grants` what a holder's grant bounds; `declares`: there are limits or grants. `fen`: limits
    count money (offline bounds may, too): a price must be known before the demands.
    """

    limits: tuple[Demander, ...]
    first: tuple[Demander, ...]
    ordinary: tuple[Demander, ...]
    later: tuple[Demander, ...]
    outage: tuple[Demander, ...]
    site: tuple[Demander, ...]
    grants: tuple[Demander, ...]
    declares: bool
    fen: bool
    reach: Reach
    pass_source: Source


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What remains of the conditions before and after the bounds, None where nothing does; `bounded`: are there any."""

    before: Question[Failures] | None
    after: Question[Failures] | None
    bounded: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CompiledBenefit:
    """A benefit with what remains to be asked, always and in an ordinary situation.

    `opens`: serves open and lend; `inside`: nothing of it counts beyond one site; `rank` orders what is worth the same;
    `figures` of the offer, None where the holder's tier or the day decides them.
    """

    benefit: Benefit
    id: str
    order: tuple[str, int, str]
    rank: tuple[int, tuple[str, int, str]]
    kind: int
    zone: ZoneInfo
    lanes: frozenset[str] | None
    opens: bool
    passes: bool
    inside: bool
    pricer: Pricer
    price: Question[Price]
    figures: Mapping[str, Any] | None
    bounds: Bounds
    always: Asked
    ordinary: Asked


@dataclass(frozen=True, slots=True, eq=False)
class Offering:
    """What is offered at one place for one intent: its benefits in order, and what can be said of all of them.

    `passes` are the keys of those under which holders come again, `issuers` those whose lists matter, `site` asks for
    the site's own room.
    """

    benefits: tuple[CompiledBenefit, ...]
    passes: tuple[str, ...]
    issuers: frozenset[str]
    site: tuple[Demander, ...]

    @classmethod
    def of(cls, benefits: Iterable[CompiledBenefit]) -> "Offering":
        """Return the offering of these benefits."""
        every = tuple(benefits)
        return cls(
            every,
            tuple([one.benefit.key for one in every if one.passes]),
            frozenset([one.benefit.issuer for one in every]),
            tuple([demander for one in every for demander in one.bounds.site]),
        )


class Candidate:
    """One benefit on trial: what it would take here and now, and every condition that does not hold.

    `waived` are failures that an override settled.
    """

    demands: Sequence[Demand] = ()
    waived: tuple[Failure, ...] = ()
    _distance: tuple[bool, bool, int] | None = None

    def __init__(self, compiled: CompiledBenefit, situation: Situation) -> None:
        self.compiled = compiled
        self.situation = situation
        self.offline = situation.offline and not (compiled.inside and situation.facts.site_reached)
        self.failures: list[Failure] = []

    def price(self) -> Price:
        """Return the money side of the offer for the whole amount."""
        found: Price = self.situation[self.compiled.price]
        return found

    def distance(self) -> tuple[bool, bool, int]:
        """Return how far the holder is from the benefit: whether nobody can mend it, a stranger, how many failures."""
        if self._distance is None:
            firm = stranger = False
            for cause, _ in self.failures:
                firm = firm or not cause.refer
                stranger = stranger or cause.condition is STRANGE
            self._distance = (firm, stranger, len(self.failures))
        return self._distance

    def stranger(self) -> bool:
        """Return whether the benefit is not meant for this holder."""
        return self.distance()[1]
