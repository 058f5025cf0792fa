"""What must hold for any catalogue and any presentation: total, deterministic, monotone, money exact."""

from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from credit.claims import Grant, Reservation, SubjectKind, Token, TokenClass
from credit.decide import decide
from credit.facts import Facts, OpenThing, PassState, Used
from credit.inputs import ENDING, OPENING, ClockState, Intent, Now, Override, Place, Request, SecondCheck, SecondResult
from credit.policy import Policy
from credit.reasons import Outcome, Reason
from credit.rules.benefits import parse_benefits
from credit.rules.calendars import parse_calendars
from credit.rules.documents import parse_measure_codes
from credit.rules.measures import EntryState, MeasureEntry
from credit.rules.offers import price
from credit.telling.answers import from_json, to_json
from credit.weighing.questions import questions
from credit.weighing.situation import FIRST_S, LAST_S, iso
from edge.simulator.telling.explain import explain

T0 = 1_790_000_000_000
PLACE = Place(site="park", scene="gate", lane="A", terminal="t")
CODES = parse_measure_codes(
    {
        "301": {"effect": "withhold"},
        "302": {"effect": "restrict"},
        "303": {"effect": "restrict", "scenes": ["shop"]},
    }
)
fen = st.integers(0, 10**7)
optional_fen = st.none() | fen

offers = st.one_of(
    st.just({"kind": "free"}),
    st.builds(
        lambda p, c: {"kind": "percent", "percent_off": p} | ({"cap_fen": c} if c is not None else {}),
        st.integers(0, 100),
        optional_fen,
    ),
    st.builds(
        lambda o, m: {"kind": "amount", "off_fen": o} | ({"min_spend_fen": m} if m is not None else {}),
        fen,
        optional_fen,
    ),
    st.builds(lambda p: {"kind": "fixed_price", "price_fen": p}, fen),
    st.builds(lambda c: {"kind": "deposit_waiver", "cap_fen": c}, fen),
    st.builds(lambda c: {"kind": "pay_later", "cap_fen": c}, fen),
    st.builds(lambda s: {"kind": "gift", "item": "x", "stock": s}, st.integers(0, 3)),
    st.just({"kind": "raise_limit", "by_tier": {"2": 2, "4": 4}, "cap": 3}),
    st.just({"kind": "hold", "until": "24:00"}),
    st.just({"kind": "multiplier", "times": 2}),
)
limits = st.lists(
    st.builds(
        lambda count, per, scope, period, most: {
            "count": count,
            "per": per,
            "scope": scope,
            "period": period,
            "max": most,
        },
        st.sampled_from(["uses", "amount", "open"]),
        st.sampled_from(["subject", "group", "token", "order", "asset", "terminal", "all"]),
        st.sampled_from(["benefit", "scene", "site", "programme"]),
        st.sampled_from(["ever", "day", "week", "month", "year", "window", {"rolling_h": 5}]),
        st.integers(0, 5),
    ),
    max_size=3,
)


@st.composite
def benefits(draw):
    return {
        "offer": draw(offers),
        "issuer": "w",
        "limits": draw(limits),
        "who": draw(
            st.sampled_from(
                [
                    {},
                    {},
                    {"grant": True},
                    {"residents_of": ["3707"]},
                    {"groups_all": [1, 2]},
                    {"min_tier": 3},
                    {"groups_any": [1, 2]},
                    {"subject": "group"},
                    {"issuers": ["z", "w"]},
                ]
            )
        ),
        "when": draw(
            st.sampled_from(
                [{}, {"weekdays": [1, 2, 3]}, {"daily": [["22:00", "26:00"]]}, {"day_starts": "04:00", "only": ["c"]}]
            )
        ),
        "needs": draw(
            st.lists(
                st.sampled_from(["bound-token", "staff-confirm", "reservation", "second-check:h", "pledge", "asset"]),
                max_size=2,
                unique=True,
            )
        ),
        "stacks": draw(st.sampled_from([None, "x", "y"])),
        "lifecycle": draw(st.sampled_from(["once", "open_close", "pass", {"pass": {"entries": 2, "reentry_min": 5}}])),
        "capacity": draw(
            st.sampled_from(
                [
                    [],
                    [{"per": "slot", "max": 1, "warn": 1}],
                    [{"per": "day", "max": 2}],
                    [{"per": "occupancy", "scope": "site", "max": 1}],
                ]
            )
        ),
        "slot": draw(st.sampled_from([None, None, None, {"early_min": 5, "late_min": 1}])),
        "offline": draw(
            st.sampled_from([{}, {"allow": False}, {"max_uses": 1, "on_limit": "standard"}, {"max_list_age_h": 1}])
        ),
    }


def catalogue(rows):
    given = ({name: value for name, value in row.items() if value is not None} for row in rows)
    return parse_benefits([{**row, "id": f"b{n}", "code": n} for n, row in enumerate(given)])


def policy_of(rows):
    return Policy.compile(benefits=catalogue(rows), calendars=CALENDARS, codes=CODES)


CALENDARS = parse_calendars({"c": ["2026-09-21"]})
NOW_S = T0 // 1000
reservations = st.builds(
    Reservation,
    order=st.just(b"o" * 8),
    site=st.sampled_from(["park", "lake"]),
    heads=st.integers(0, 3),
    from_s=st.sampled_from([0, NOW_S - 60, NOW_S, NOW_S + 301, 2**62]),
    until_s=st.sampled_from([0, NOW_S, NOW_S + 600, 2**62]),
)
tokens = st.builds(
    Token,
    issuer=st.sampled_from(["w", "w", "z"]),
    kid=st.just(b"k" * 8),
    token_id=st.just(b"t" * 8),
    subject=st.just(b"s" * 16),
    token_class=st.sampled_from(TokenClass),
    tier=st.integers(0, 9),
    issued_at=st.just(0),
    expires=st.just(2**40),
    groups=st.frozensets(st.integers(0, 3), max_size=3),
    max_uses=st.none() | st.integers(0, 3),
    nonce=st.just(b"n" * 8),
    region=st.sampled_from([None, 370701, 110000]),
    kind=st.sampled_from(SubjectKind),
    id_check=st.booleans(),
    challenged=st.booleans(),
    reservation=st.none() | reservations,
    grants=st.lists(st.builds(Grant, code=st.integers(0, 2), uses=st.sampled_from([None, 0, 2])), max_size=2).map(
        tuple
    ),
)
requests = st.builds(
    Request,
    intent=st.sampled_from(Intent),
    amount_fen=optional_fen,
    heads=st.integers(1, 4),
    heads_named=st.booleans(),
    asset=st.none() | st.just("U1"),
    confirmed=st.frozensets(st.sampled_from(["staff-confirm", "pledge", "id-check"])),
    second=st.lists(
        st.builds(SecondCheck, name=st.sampled_from(["h", "*"]), result=st.sampled_from(SecondResult)), max_size=1
    ).map(tuple),
    override=st.none() | st.just(Override(by="chen", why="lost phone")),
)
moments = st.builds(
    Now,
    utc_ms=st.integers(T0, T0 + 10**9) | st.integers(-(10**12), 10**15),
    clock=st.sampled_from(ClockState),
    offline_since_ms=st.none() | st.just(T0 - 7_200_000),
)
entries = st.lists(
    st.builds(
        MeasureEntry, issuer=st.just("w"), code=st.sampled_from([301, 302, 303, 999]), state=st.sampled_from(EntryState)
    ),
    max_size=2,
).map(tuple)
things = st.builds(
    OpenThing,
    redemption=st.just("r"),
    benefit=st.just("b0"),
    issuer=st.just("w"),
    scene=st.sampled_from(["gate", "shop"]),
    site=st.just("park"),
    intent=st.sampled_from(["open", "lend"]),
    asset=st.sampled_from([None, "U1"]),
    at_ms=st.just(T0),
    due_ms=st.sampled_from([None, 0, T0, 10**14]),
    withhold_when_overdue=st.booleans(),
)


@st.composite
def cases(draw):
    """A catalogue, and a presentation with facts such as a ledger could hold about it; now and then unusual ones."""
    rows = draw(st.lists(benefits(), min_size=0, max_size=5))
    token, request, now = draw(tokens), draw(requests), draw(moments)
    if draw(st.booleans()):  # an ordinary holder in an ordinary moment
        token = replace(
            token, issuer="w", max_uses=None, reservation=None, id_check=False, kind=SubjectKind.PERSON, challenged=True
        )
        now = Now(utc_ms=T0)
    policy = policy_of(rows)
    asked = questions(token, request, PLACE, policy, now)
    counts = draw(st.lists(st.integers(0, 4), min_size=len(asked.keys), max_size=len(asked.keys)))
    under_way = st.builds(
        PassState, root=st.just("r"), entries=st.integers(1, 2), last_ms=st.sampled_from([T0, T0 - 400_000])
    )
    facts = Facts(
        place=PLACE,
        used={key: Used(n=n, at_ms=T0, where="park/A") for key, n in zip(asked.keys, counts, strict=True)},
        measures=draw(st.just(()) | entries),
        ages_s={"w": draw(st.sampled_from([0, 0, 3601, 14 * 86_400 + 1]))},
        suspended=draw(st.integers(0, 9)) == 9,
        entry_stopped=draw(st.integers(0, 4)) == 4,
        open=draw(st.just(()) | st.lists(things, max_size=2).map(tuple)),
        passes={key: draw(under_way) for key in asked.passes if draw(st.booleans())},
    )
    return rows, token, request, facts, now


@given(cases())
@settings(max_examples=60, deadline=None)
def test_it_is_total_deterministic_and_can_be_written_down(case):
    rows, token, request, facts, now = case

    decision = decide(token, request, facts, policy_of(rows), now)

    assert decision == decide(token, request, facts, policy_of(rows), now)
    told = explain(decision, policy_of(rows))
    assert told == explain(decision, policy_of(rows))
    assert decision == decide(token, request, facts, policy_of(rows), now)
    assert decision.findings
    assert (decision.outcome is Outcome.GRANT) == (decision.reasons[0] is Reason.OK)
    assert to_json(from_json(to_json(decision))) == to_json(decision)


@given(cases(), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_was_named_to_ask_for_it_decides_as_what_is_named_anew(case, withdrawn, reached):
    rows, token, request, facts, now = case
    policy = policy_of(rows)
    gone = frozenset(one.grant_id for one in token.grants if one.grant_id) if withdrawn else frozenset()
    facts = structs.replace(facts, withdrawn=gone, site_reached=reached)

    asked = questions(token, request, PLACE, policy, now)

    assert decide(token, request, facts, policy, now, asked=asked) == decide(token, request, facts, policy, now)


@given(cases())
@settings(max_examples=30, deadline=None)
def test_questions_are_those_of_one_presentation_at_one_moment(case):
    rows, token, request, _, now = case

    asked = questions(token, request, PLACE, policy_of(rows), now)

    assert asked.of(token, request, now) is (request.intent not in ENDING)
    assert not asked.of(replace(token), request, now)
    assert not asked.of(token, structs.replace(request), now)
    assert not asked.of(token, request, structs.replace(now, offline_since_ms=now.utc_ms - 1_234_567))


@given(cases())
@settings(max_examples=60, deadline=None)
def test_nothing_granted_overruns_a_bound_that_it_takes_from(case):
    rows, token, request, facts, now = case

    decision = decide(token, request, facts, policy_of(rows), now)

    for use in decision.consumption.uses:
        assert use.limit is None or facts.used[use.key].n + use.n <= use.limit
    for one in decision.consumption.sums:
        assert one.limit is None or facts.used[one.key].n + one.fen <= one.limit


@given(cases())
@settings(max_examples=60, deadline=None)
def test_money_is_never_negative_and_adds_up(case):
    rows, token, request, facts, now = case

    decision = decide(token, request, facts, policy_of(rows), now)

    offer = decision.offer or {}
    parts = {name: offer[name] for name in ("off_fen", "waived_fen", "later_fen", "to_pay_fen") if name in offer}
    assert all(value >= 0 for value in parts.values())
    if request.amount_fen is not None and "to_pay_fen" in parts and request.intent not in ENDING:
        assert sum(parts.values()) == request.amount_fen


RANK = {Outcome.GRANT: 3, Outcome.REFER: 2, Outcome.STANDARD: 1, Outcome.REFUSE: 0}


@given(cases(), benefits())
@settings(max_examples=60, deadline=None)
def test_another_benefit_never_makes_it_worse(case, extra):
    rows, token, request, facts, now = case

    before = decide(token, request, facts, policy_of(rows), now)
    after = decide(token, request, facts, policy_of([*rows, extra]), now)

    assert RANK[after.outcome] >= RANK[before.outcome]
    if before.outcome is Outcome.GRANT and request.amount_fen is not None and request.intent not in ENDING:
        assert worth(after) >= worth(before)


def worth(decision):
    offer = decision.offer or {}
    return offer.get("off_fen", 0) + offer.get("waived_fen", 0)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_a_disputed_or_expired_measure_changes_nothing(case):
    rows, token, request, facts, now = case
    dead = tuple(replace(one, state=EntryState.DISPUTED) for one in facts.measures)
    past = tuple(replace(one, until_day=date(1969, 12, 31)) for one in facts.measures)
    clean = structs.replace(facts, measures=())

    answers = [
        decide(token, request, structs.replace(facts, measures=one), policy_of(rows), now) for one in (dead, past)
    ]

    # notes are for --explain and the staff view only (contract.md §1)
    assert [structs.replace(one, notes=()) for one in answers] == [
        decide(token, request, clean, policy_of(rows), now)
    ] * 2


@given(cases())
@settings(max_examples=60, deadline=None)
def test_a_restricting_measure_never_yields_a_grant_in_its_scene(case):
    rows, token, request, facts, now = case
    restricted = structs.replace(facts, measures=(MeasureEntry(issuer="w", code=302),))

    decision = decide(token, request, restricted, policy_of(rows), now)

    assert request.intent in ENDING or decision.outcome is not Outcome.GRANT


@given(offers, optional_fen, st.integers(1, 50))
def test_a_price_is_exact(offer, amount, heads):
    parsed = parse_benefits([{"id": "b", "code": 1, "issuer": "w", "offer": offer}])[0].offer

    found = price(parsed, amount=amount, heads=heads)

    assert found.fen >= 0
    if amount is not None:
        assert found.fen + (found.rest_fen or 0) == amount
        assert found.fen == written(offer, amount, heads)


def written(offer, amount, heads):
    """Return what an offer takes off or puts off, by the words of contract.md §5 and with fractions."""
    exact = {
        "free": lambda: amount,
        "amount": lambda: offer["off_fen"],
        "deposit_waiver": lambda: amount,
        "pay_later": lambda: amount,
        "fixed_price": lambda: amount - offer["price_fen"] * heads,
        "percent": lambda: floor(Fraction(amount * offer["percent_off"], 100) + Fraction(1, 2)),
    }
    moved = exact.get(offer["kind"], lambda: 0)()
    return max(min(moved, offer.get("cap_fen", moved), amount), 0)


@given(st.lists(benefits(), max_size=6), st.sampled_from(Intent))
@settings(max_examples=30, deadline=None)
def test_opening_is_served_by_what_can_be_closed_and_by_nothing_else(rows, intent):
    served = {one.id for one in policy_of(rows).offered(PLACE, intent)}

    opening = {f"b{n}" for n, row in enumerate(rows) if row["lifecycle"] == "open_close"}
    assert served == (opening if intent in OPENING else {f"b{n}" for n in range(len(rows))} - opening)


@given(st.integers(-(10**18), 10**18))
def test_any_time_can_be_told(at_ms):
    told = datetime.fromisoformat(iso(at_ms, ZoneInfo("Asia/Shanghai")))

    assert told.timestamp() == at_ms // 1000 or not FIRST_S <= at_ms // 1000 <= LAST_S
