"""What an answer makes known to whoever asked: counts, open things, purchases, passes, what ended elsewhere. Pure.

What was given elsewhere travels as a text, which some terminal's fact once said and nobody signed for its form: one
that is no such text is a WireError, and its asker goes alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Struct

from cache.ledger.permit import Known
from credit.facts import Bought, OpenThing, PassState, Used
from credit.records import MAX_SAFE_INTEGER
from sync.wire.claims import BoughtRow, ClaimAnswer, ClaimRequest, OpenRow, SiteRows
from sync.wire.messages import decode


class _Offer(Struct, frozen=True, kw_only=True):
    """One benefit that was given (`credit.decision.Given`)."""

    benefit: str
    issuer: str
    code: int
    version: int
    offer: dict[str, Any]
    local: bool = False
    title: dict[str, str] = {}


class _Shown(Struct, frozen=True, kw_only=True):
    """What was shown when it was given."""

    offers: list[_Offer] = []
    offer: dict[str, Any] | None = None

    @property
    def given(self) -> tuple[dict[str, Any], ...]:
        """Each benefit, as an ending tells it."""
        return tuple(msgspec.structs.asdict(one) for one in self.offers)

    @property
    def to_pay_fen(self) -> int | None:
        """What was left to pay, None where that was no sum."""
        fen: object = (self.offer or {}).get("to_pay_fen")
        if not isinstance(fen, int) or isinstance(fen, bool):
            return None
        return fen if 0 <= fen <= MAX_SAFE_INTEGER else None


def ended_of(before: Mapping[str, frozenset[str]], answer: ClaimAnswer) -> dict[str, frozenset[str]]:
    """Return which own redemptions ended elsewhere, each with the keys under which it stands no more."""
    found = dict(before)
    for key, ids in answer.under.items():
        for one in ids:
            found[one] = found.get(one, frozenset()) | {key}
    return found


def known_of(before: Known, answer: ClaimAnswer, asked: ClaimRequest) -> Known:
    """Return what is known after an answer; raise WireError for a row whose answer is none."""
    used = dict(before.used)
    for one in asked.keys:
        if one.key in answer.left:  # as it stood before this claim
            used[one.key] = Used(n=0, left=answer.left[one.key])
    for key, n in answer.site.inside.items():
        used[key] = Used(n=n, left=answer.left.get(key))
    return replace(
        before,
        used=used,
        open=before.open + tuple(map(_open, answer.site.open)),
        bought=before.bought + tuple(map(_bought, answer.site.bought)),
        passes={**before.passes, **_passes(answer.site)},
        site_reached=True,
    )


def _open(row: OpenRow) -> OpenThing:
    shown = decode(row.answer, _Shown)
    return OpenThing(
        redemption=row.redemption,
        benefit=row.benefit,
        issuer=row.issuer,
        scene=row.scene,
        site="",
        intent=row.intent,
        asset=row.asset,
        at_ms=row.at_ms,
        due_ms=row.due_ms,
        withhold_when_overdue=row.on_overdue == "withhold",
        given=shown.given,
        offer=shown.offer or {},
    )


def _bought(row: BoughtRow) -> Bought:
    shown = decode(row.answer, _Shown)
    return Bought(
        redemption=row.redemption,
        benefit=row.benefit,
        at_ms=row.at_ms,
        until_ms=row.until_ms,
        amount_fen=row.amount_fen,
        heads=row.heads,
        returned_fen=row.returned_fen,
        returned_heads=row.returned_heads,
        to_pay_fen=shown.to_pay_fen,
        given=shown.given,
        offer=shown.offer or {},
        intent=row.intent,
        passed=row.passed,
    )


def _passes(site: SiteRows) -> dict[str, PassState]:
    return {
        one.benefit: PassState(root=one.redemption, entries=one.entries, last_ms=one.last_ms) for one in site.passes
    }
