"""A measure that is soon over says so to whoever it turns away."""

from datetime import date, timedelta

import pytest

from credit.rules.measures import SOON_DAYS, Effect, Effective, MeasureCode, MeasureEntry

TODAY = date(2026, 12, 1)


def hint(until):
    code = MeasureCode(code=302, effect=Effect.RESTRICT, title={"zh": "限制"})
    entry = MeasureEntry(issuer="w", code=302, until_day=until)
    return Effective(entry=entry, code=code, today=TODAY).facts().get("hint")


@pytest.mark.parametrize(
    ("until", "zh", "en"),
    [
        (TODAY, "今天是最后一天；到期前可申请修复", "Today is its last day; it may be repaired before"),
        (TODAY + timedelta(days=1), "2 天后自行到期；到期前可申请修复", "It ends by itself in 2 days"),
        (TODAY + timedelta(days=SOON_DAYS - 1), "30 天后", "in 30 days"),
    ],
)
def test_the_days_are_counted_with_the_last_one(until, zh, en):
    told = hint(until)

    assert zh in told["zh"]
    assert en in told["en"]


@pytest.mark.parametrize("until", [None, TODAY + timedelta(days=SOON_DAYS), date(2029, 1, 1)])
def test_what_lasts_longer_or_for_ever_raises_no_hope(until):
    assert hint(until) is None
