"""A decision as JSON and back: the one object that screens, API, journal and simulator show (decision.md, output).

Rules of this file:

- `to_json` is complete: `from_json(to_json(d))` shows the same again, which is how grace repeats an answer;
- `left` is absent when no benefit has use limits; `benefit` is null when none is given;
- nothing in it names a person: reasons carry facts, never the pseudonym.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from credit.decision import Decision, Finding, Given
from credit.inputs import ClockState
from credit.reasons import Outcome, Reason
from credit.telling.texts import text_of

_ENCODER: Final = msgspec.json.Encoder()  # what json.dumps writes without spaces and ASCII escapes, in a tenth of it


def to_json(decision: Decision) -> dict[str, Any]:
    """Return the answer object: outcome, benefit(s), offer, obligations, reasons with texts, left, offline, clock."""
    answer: dict[str, Any] = {
        "outcome": str(decision.outcome),
        "benefit": decision.benefit,
        "benefits": [one.benefit for one in decision.given],
        "offer": dict(decision.offer) if decision.offer is not None else None,
        "offers": [given_json(one) for one in decision.given],
        "obligations": dict(decision.obligations),
        "reasons": [reason_json(one) for one in decision.findings],
        "offline": decision.offline,
        "clock": str(decision.clock),
    }
    if decision.left:
        answer["left"] = dict(decision.left)
    return answer


def to_text(decision: Decision) -> str:
    """Return the answer object as it is kept, to be shown again."""
    return kept(to_json(decision)).decode()


def kept(answer: Mapping[str, Any]) -> bytes:
    """Return an answer object, or a part of one, as it is kept: JSON in UTF-8 without spaces.

    >>> kept({"lane": "A", "title": {"zh": "公园"}}).decode()
    '{"lane":"A","title":{"zh":"公园"}}'
    """
    return _ENCODER.encode(answer)


def reason_json(finding: Finding) -> dict[str, Any]:
    """Return one reason with its texts and facts."""
    text = text_of(finding.reason)
    shown: dict[str, Any] = {
        "code": str(finding.reason),
        "zh": text.zh,
        "en": text.en,
        "next": {"zh": text.next_zh, "en": text.next_en},
        "facts": dict(finding.facts),
    }
    if finding.benefits:
        shown["benefits"] = list(finding.benefits)
    return shown


def given_json(given: Given) -> dict[str, Any]:
    """Return one benefit that is given."""
    return {
        "benefit": given.benefit,
        "issuer": given.issuer,
        "code": given.code,
        "version": given.version,
        "offer": dict(given.offer),
        "local": given.local,
        "title": dict(given.title),
    }


def from_json(answer: Mapping[str, Any]) -> Decision:
    """Return the decision that an answer object shows (without consumption and trials)."""
    return Decision(
        outcome=Outcome(answer["outcome"]),
        findings=tuple(
            Finding(Reason(one["code"]), one["facts"], tuple(one.get("benefits", ()))) for one in answer["reasons"]
        ),
        given=tuple(Given(**one) for one in answer["offers"]),
        offer=answer["offer"],
        obligations=answer["obligations"],
        left=answer.get("left", {}),
        offline=answer["offline"],
        clock=ClockState(answer["clock"]),
    )
