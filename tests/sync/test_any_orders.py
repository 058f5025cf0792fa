"""Whatever orders a platform signs, in whatever turn and however often: the box lives, and the newest are in force.

The next visitor is decided as the newest orders say, whoever leaves is let out, the journal verifies, and what was told
before is written down no second time while its fact waits. Orders that once did harm are played first.
"""

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cache.ids import uuid7
from cache.journal.chain import begin_epoch, current_epoch, head, verify
from cache.journal.orders import contradicted, uphold
from cache.ledger import settle
from cache.ledger.facts import STORE_LOST, SUSPENDED, TWIN, entry_stopped, switched_on
from cache.ledger.visit import Visit
from cache.pen import Pen
from credit.claims import Token, TokenClass
from credit.inputs import Intent, Now, Request
from storage.sqlite import immediate, memory
from sync.push.receiving import as_order, take_in
from sync.wire.messages import Answer, Command
from tests.edge.lanes.test_openings import PLACE, POLICY, T0, NoLists

FAR = 2**53 - 1
ENROLLED = 3  # an order below was given before this machine's key was
ACTIONS = msgspec.inspect.type_info(Command).fields[2].type.values
SERVES = frozenset({"suspend", "resume", "revoke", "replaced"})
ENTRY = frozenset({"stop_entry", "resume_entry"})

reasons = st.sampled_from(("", "x", "\x00", "\u202e", "信用" * 250, "=cmd|' /C calc'!A0", '{"order": 1}'))
commands = st.builds(
    Command,
    terminal=st.just("t1"),
    number=st.one_of(st.integers(1, 9), st.just(FAR)),
    action=st.sampled_from(ACTIONS),
    reason=reasons,
    about=st.sampled_from((msgspec.UNSET, "t1", "gate-z")),
)
answers = st.lists(st.lists(commands, max_size=5), max_size=5)


class Box:
    """A terminal's ledger in memory, which is told answers; `obeyed` are the orders in the turn that they were."""

    def __init__(self):
        self.conn, self.told, self.at_ms, self.obeyed = memory(), {}, T0, []
        with immediate(self.conn):
            begin_epoch(self.conn, epoch="e1", terminal="t1", reason="enrolled")

    def hear(self, orders):
        self.at_ms += 1_000
        texts = [(order, msgspec.json.encode(order).decode()) for order in orders]
        self.told |= {text: order for order, text in texts}
        answer = Answer(
            terminal="t1",
            epoch=None,
            last=None,
            nonce="n" * 8,
            body="0" * 64,
            at_ms=self.at_ms,
            state="s",
            receipt=None,
            held=[],
            conflicts=[],
            set_aside=[],
            orders=[],
            lists_version=None,
        )
        with immediate(self.conn):
            take_in(self.conn, answer=answer, receipts=[], orders=texts, now_ms=self.at_ms, enrolled=ENROLLED)
        for order in sorted(orders, key=lambda one: one.number):
            if order.number > max((one.number for one in self.obeyed), default=0):
                self.obeyed.append(order)

    def opened(self, text):
        return as_order(self.told[text], text, enrolled=ENROLLED) if text in self.told else None

    def newest(self, actions):
        return next((one.action for one in reversed(self.obeyed) if one.action in actions), None)

    def show(self, intent, number=0):
        token = Token(
            issuer="wulong",
            kid=b"k" * 8,
            token_id=b"%08d" % number,
            token_class=TokenClass.BOUND,
            subject=b"%016d" % number,
            tier=3,
            issued_at=0,
            expires=2**40,
            groups=frozenset(),
            nonce=b"%08d" % (number + (intent is Intent.EXIT)),
        )
        visit, now = Visit(token, Request(intent=intent), PLACE), Now(utc_ms=self.at_ms, grace_ms=0)
        with immediate(self.conn):
            return settle.settle(Pen(self.conn, now, uuid7), visit, NoLists(), POLICY)


def as_it_should_be(box):
    """Return the switches that the newest orders leave on."""
    on = set()
    if box.newest(SERVES) not in (None, "resume"):
        on.add(SUSPENDED)
    if any(one.action == "twin" and one.number >= ENROLLED for one in box.obeyed):
        on.add(TWIN)
    if box.newest({"new_epoch"}):
        on.add(STORE_LOST)
    return on, box.newest(ENTRY) == "stop_entry"


@settings(max_examples=40, deadline=None)
@example([[Command(terminal="t1", number=FAR, action="new_epoch")], [Command(terminal="t1", number=1, action="twin")]])
@example([[Command(terminal="t1", number=2, action=one) for one in ("suspend", "resume", "suspend")]] * 2)
@given(answers)
def test_any_orders_leave_a_box_that_decides_by_the_newest_of_them(told):
    box = Box()
    for orders in told:
        before = head(box.conn).seq
        box.hear(orders)
        assert head(box.conn).seq - before <= len(orders)  # each is at most one fact

    on, stopped = as_it_should_be(box)
    switches = switched_on(box.conn)
    assert switches & {SUSPENDED, TWIN, STORE_LOST} == on
    assert entry_stopped(switches, PLACE.site) is stopped
    assert box.show(Intent.ENTER).decision.outcome.name == ("GRANT" if not on and not stopped else refusal(on))
    assert box.show(Intent.EXIT, 2).open_gate
    assert verify(box.conn) == head(box.conn)
    assert not uphold(box.conn, box.opened, at_ms=box.at_ms)


def refusal(on):
    """Return how somebody with a right is answered: a suspended terminal takes the usual price, the others refer."""
    return "STANDARD" if SUSPENDED in on else "REFER"


@settings(max_examples=20, deadline=None)
@example([Command(terminal="t1", number=n, action=one) for n in (1, 2) for one in ("suspend", "revoke")])
@given(st.lists(commands, min_size=1, max_size=5))
def test_what_is_told_again_and_again_changes_nothing_and_is_one_alarm(orders):
    box = Box()
    box.hear(orders)
    box.hear(orders)
    end, alarm, epoch = head(box.conn), contradicted(box.conn), current_epoch(box.conn)
    switches = switched_on(box.conn)

    for _ in range(5):
        box.hear(orders)

    assert (switched_on(box.conn), current_epoch(box.conn), contradicted(box.conn)) == (switches, epoch, alarm)
    assert head(box.conn) == end
