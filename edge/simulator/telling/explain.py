"""Saying in words, in both languages, how each benefit offered here fared and what decided (`--explain`).

Rules of this file:

- it reads the trials that the decision kept; explaining never decides anything again;
- words are for a help desk: which condition, what it asked for, what was there.
"""

from typing import Any

from credit.decision import Condition, Decision, Failure, Finding, Trial
from credit.policy import Policy
from credit.reasons import Outcome
from credit.rules.catalogue import Benefit
from credit.telling.texts import text_of
from edge.simulator.plain import EN, ZH, told

CONDITIONS: dict[Condition, tuple[str, str]] = {
    Condition.WHO: ("对象", "who"),
    Condition.WHEN: ("时间", "when"),
    Condition.NEEDS: ("所需条件", "needs"),
    Condition.SLOT: ("预约时段", "slot"),
    Condition.OPEN: ("未结束的记录", "open things"),
    Condition.LIMITS: ("次数与金额", "limits"),
    Condition.CAPACITY: ("容量", "capacity"),
    Condition.OFFER: ("优惠内容", "offer"),
    Condition.STANDING: ("现场与名单", "standing"),
    Condition.OFFLINE: ("离线与名单新旧", "offline and list age"),
}


def explain(decision: Decision, policy: Policy) -> list[dict[str, Any]]:
    """Return one entry per benefit offered here, or one for what decided alone."""
    return [*_trials(decision, policy), *(_note(finding) for finding in decision.notes)]


def _note(finding: Finding) -> dict[str, Any]:
    """Say which measure entry was there and changed nothing."""
    text, known = text_of(finding.reason), finding.facts["known"]
    zh = text.zh if known else "未公布的措施代码，不生效，已记录"
    en = text.en if known else "A measure code that nobody published; it has no effect and is reported"
    reason = finding.reason.value if known else "unknown_code"
    return {"benefit": None, "decided": "nothing", "reason": reason, "zh": zh, "en": en, "facts": dict(finding.facts)}


def _trials(decision: Decision, policy: Policy) -> list[dict[str, Any]]:
    if not decision.trials:
        first = decision.findings[0]
        text = text_of(first.reason)
        return [
            {"benefit": decision.benefit, "decided": "alone", "zh": text.zh, "en": text.en, "facts": dict(first.facts)}
        ]
    benefits = {one.id: one for one in policy.benefits()}
    return [_one(trial, decision, benefits.get(trial.benefit)) for trial in decision.trials]


def _one(trial: Trial, decision: Decision, benefit: Benefit | None) -> dict[str, Any]:
    title = dict(benefit.title) if benefit else {}
    zh, en = _verdict(trial, decision)
    return {
        "benefit": trial.benefit,
        "title": title,
        "decided": _decided(trial),
        "zh": f"{title.get('zh', trial.benefit)}：{zh}",
        "en": f"{title.get('en', trial.benefit)}: {en}",
        "conditions": [_condition(failure) for failure in trial.failures],
        "overridden": [_condition(failure) for failure in trial.waived],
    }


def _decided(trial: Trial) -> str:
    if trial.failures:
        return trial.failures[0].condition.value
    return "given" if trial.chosen else "choice"


def _verdict(trial: Trial, decision: Decision) -> tuple[str, str]:
    if trial.chosen:
        return "所有条件都满足，已给予", "every condition holds; it is given"
    if not trial.failures and decision.outcome is Outcome.GRANT:
        return (
            "所有条件都满足，但另一项对持有人更有利",
            "every condition holds, but another one is better for the holder",
        )
    zh = "；".join(
        f"{CONDITIONS[one.condition][ZH]}——{text_of(one.reason).zh}{_why(one, ZH)}" for one in trial.failures
    )
    en = "; ".join(
        f"{CONDITIONS[one.condition][EN]}: {text_of(one.reason).en}{_why(one, EN)}" for one in trial.failures
    )
    return f"不能给予：{zh}", f"not given: {en}"


def _why(failure: Failure, lang: int) -> str:
    facts = told(failure.facts, lang)
    return (f"（{facts}）", f" ({facts})")[lang] if facts else ""


def _condition(failure: Failure) -> dict[str, Any]:
    zh, en = CONDITIONS[failure.condition]
    text = text_of(failure.reason)
    return {
        "condition": failure.condition.value,
        "reason": failure.reason.value,
        "zh": f"{zh}：{text.zh}{_why(failure, ZH)}",
        "en": f"{en}: {text.en}{_why(failure, EN)}",
        "refer": failure.refer,
        "facts": dict(failure.facts),
    }
