"""The kinds of records, and what one of each may say.

Rules of this file:

- every member of every record is named in these types, and nothing else may stand in one of ours. Whoever reads records
  of others passes over members he does not know: a later version may add some;
- what is inside a record is never a reason to refuse a batch: `problem` is for tests, documents and whoever writes a
  terminal.

>>> record = {"seq": 1, "id": "a", "at_ms": 1, "kind": "passed", "redemption": "r-1", "body": {"step": "passed"}}
>>> problem(record)
''
>>> problem({**record, "redemption": None})
'passed: it is about a redemption, which is not named'
>>> problem({**record, "body": {}})
'passed: Object missing required field `step`'
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from sync.wire.records import events, steps, visits
from sync.wire.records.parts import Body


class Kind(NamedTuple):
    """The bodies that records of a kind may have, and whether they are about a redemption (None: either)."""

    bodies: tuple[type[Body], ...]
    of: bool | None = True


KINDS: Final[dict[str, Kind]] = {
    "granted": Kind((visits.Grant,)),
    "opened": Kind((visits.Grant,)),
    "not_granted": Kind((visits.Denial, visits.Refusals), of=False),
    "passed": Kind((steps.Stepped,)),
    "annulled": Kind((steps.Stepped,)),
    "reversed": Kind((steps.Reversed,)),
    "closed": Kind((steps.Closed,), of=None),
    "overdue": Kind((steps.Stepped,)),
    "paid": Kind((steps.Paid,)),
    "paid_late": Kind((steps.PaidLate,)),
    "exited": Kind((visits.Exit,), of=False),
    "override": Kind((steps.Override,)),
    "actuating": Kind((steps.Attempt,)),
    "actuated": Kind((steps.Actuated, steps.Left), of=None),
    "not_actuated": Kind((steps.Unopened, steps.Left), of=None),
    "unknown": Kind((steps.Unopened, steps.Left), of=None),
    "note": Kind(
        (
            steps.Refused,
            events.Switched,
            events.Ordered,
            events.Contradicted,
            events.Upheld,
            events.Declared,
            events.Learned,
            events.Opened,
        ),
        of=None,
    ),
    "suspended": Kind((events.Switched, events.Ordered), of=False),
    "corrupt": Kind((events.Corrupt,), of=False),
    "claim_conflict": Kind((events.Conflict,), of=False),
    "emergency": Kind((events.Emergency, events.LetOut), of=False),
    "local_offer": Kind((events.LocalOffer,), of=False),
    "lists_changed": Kind((events.ListsChanged,), of=False),
    "started": Kind((events.Started,), of=False),
    "stopped": Kind((events.Nothing,), of=False),
    "clock_jumped": Kind((events.Jumped,), of=False),
}


def problem(record: Mapping[str, Any]) -> str:
    """Return what is wrong with a record as our terminals write them, "" where nothing is."""
    name = record["kind"]
    kind = KINDS.get(name)
    if kind is None:
        return f"{name}: no kind of record"
    if kind.of is not None and kind.of != (record["redemption"] is not None):
        told = "a redemption, which is not named" if kind.of else "no redemption, and one is named"
        return f"{name}: it is about {told}"
    found = []
    for body in kind.bodies:
        try:
            msgspec.convert(record["body"], body)
        except msgspec.ValidationError as error:
            found.append(str(error))
        else:
            return ""
    return f"{name}: {'; or '.join(found)}"
