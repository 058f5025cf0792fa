"""What a batch of facts does to the books, worked out before anything is written: values, made by `tallies.plan`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from central.books.counts import Back, Use
from credit.records import Record

UNBOUNDED: Final = -1


class Incoming(NamedTuple):
    """Whose facts these are, where they happened, and when they came; `nonces`: whether codes count by themselves.

    `former`: they come under a key that is over. A start that they tell of voids nobody's claims.
    """

    terminal: str
    epoch: str
    site: str
    received_ms: int
    nonces: bool = False
    former: bool = False  # sealed by a key that ended: its starts end nobody's claims

    @property
    def place(self) -> tuple[str, str]:
        """Return terminal and epoch."""
        return self.terminal, self.epoch


class Entry(NamedTuple):
    """A fact that is to be booked, and what it came with."""

    incoming: Incoming
    record: Record


def entries_of(incoming: Incoming, records: Iterable[Record]) -> list[Entry]:
    """Return the facts of one batch."""
    return [Entry(incoming, record) for record in records]


def parcels(entries: Iterable[Entry]) -> list[tuple[Incoming, list[Record]]]:
    """Return facts by what they came with; those of one batch stand together."""
    return [(some[0].incoming, [record for _came, record in some]) for some in batches_of(entries)]


def batches_of(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Return facts in parts that came with the same; those of one batch stand together."""
    found: list[list[Entry]] = []
    last = None
    for entry in entries:
        if entry.incoming is not last:
            last = entry.incoming
            found.append([])
        found[-1].append(entry)
    return found


class Side(NamedTuple):
    """A fact that used something. (terminal, epoch, redemption) says whose it is."""

    terminal: str
    epoch: str
    seq: int
    at_ms: int
    redemption: str

    @property
    def whose(self) -> tuple[str, str, str]:
        """Return who used it: two facts of one redemption are one use."""
        return self.terminal, self.epoch, self.redemption


class Tally(NamedTuple):
    """What is used under a key, and the widest bound that a holder reported (UNBOUNDED: none did)."""

    spent: int
    bound: int


class Taking(NamedTuple):
    """A use that a fresh fact takes, and how much of it is given back already."""

    use: Use
    side: Side
    back: int = 0
    back_ms: int | None = None


class GivingBack(NamedTuple):
    """A change of a use that is on record: `back` of it is now given back."""

    key: str
    side: Side
    back: int
    change: int
    at_ms: int


@dataclass(slots=True)
class Booking:
    """What a batch's facts do to the tallies."""

    takings: list[Taking] = field(default_factory=list)
    taken: dict[tuple[str, str, str], tuple[Record, range]] = field(default_factory=dict)  # of a grant of this batch
    places: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)  # of this batch's grants, by redemption
    backs: list[GivingBack] = field(default_factory=list)
    grants: list[tuple[Side, Record]] = field(default_factory=list)
    again: list[Side] = field(default_factory=list)  # one redemption granted once more in its own epoch
    doubles: list[tuple[Side, Side]] = field(default_factory=list)  # one redemption granted at two places
    states: dict[tuple[str, str, str], str] = field(default_factory=dict)  # of this batch's grants, by their place
    later: list[tuple[str, str, str, str, str]] = field(default_factory=list)  # place, state before, state after
    stands: dict[tuple[str, str, str], str] = field(default_factory=dict)  # the last of `later`, by place
    pending: Counter[tuple[str, tuple[str, str, str]]] = field(default_factory=Counter)  # of `backs`, by key and whose
    ended: list[tuple[str, Back, int]] = field(default_factory=list)
    fresh: dict[tuple[str, str, str], list[Record]] = field(default_factory=dict)  # steps of this batch's grants
    on_record: dict[tuple[str, str, str], tuple[str | None, list[Record]]] = field(default_factory=dict)
    spoken: set[str] = field(default_factory=set)  # of this batch's grants, those that were spoken of before
    whence: dict[tuple[str, str], Incoming] = field(default_factory=dict)  # by terminal and epoch
    apart: dict[tuple[str, str, int], str] = field(default_factory=dict)  # why records stand apart, by place and seq
    early: dict[str, list[Record]] = field(default_factory=dict)  # steps that come before their grant
    careful: bool = False  # a row that stands already is no error

    def of(self, side: Side) -> Incoming:
        """Return what a fact of this batch came with."""
        return self.whence[side.terminal, side.epoch]

    def grant(self, side: Side, record: Record, takings: Sequence[Taking], state: str) -> None:
        """Enter a grant of this batch, what it takes, and the state in which it begins."""
        place, first = (side.redemption, side.terminal, side.epoch), len(self.takings)
        self.grants.append((side, record))
        self.takings += takings
        self.taken[place] = record, range(first, len(self.takings))
        self.places.setdefault(side.redemption, []).append(place)
        self.states[place] = state

    def move(self, place: tuple[str, str, str], before: str, after: str) -> None:
        """Enter the new state of a grant on record."""
        self.later.append((*place, before, after))
        self.stands[place] = after

    def give_back(self, one: GivingBack) -> None:
        """Enter a change of a use that is on record."""
        self.backs.append(one)
        self.pending[one.key, one.side.whose] += one.change

    def after(self, redemption: str, terminal: str, epoch: str, written: str) -> str:
        """Return the state of a grant on record, with what this batch has said of it so far."""
        return self.stands.get((redemption, terminal, epoch), written)

    def deltas(self) -> list[tuple[str, int, int]]:
        """Return the change under each key and the widest bound reported, in the order in which rows are locked."""
        found: dict[str, tuple[int, int]] = {}
        for (key, taken, said), _side, given_back, _at_ms in self.takings:
            n, bound = found.get(key, (0, UNBOUNDED))
            found[key] = (n + taken - given_back, bound if said is None or said < bound else said)
        for back in self.backs:
            n, bound = found.get(back.key, (0, UNBOUNDED))
            found[back.key] = (n - back.change, bound)
        return [(key, *change) for key, change in sorted(found.items())]
