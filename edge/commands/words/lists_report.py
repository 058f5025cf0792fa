"""The signed lists in words: what is in force, how old it is, what is wrong. Pure."""

from typing import Final

from cache.lists.values import Stored
from credit.rules.ages import AgePolicy, AgeStep
from edge.api.calls.lists_shown import DAY_S, HOUR_S, judged, report

KINDS: Final = {"issuers": "密钥 keys", "lists": "名单 lists", "rules": "规则 rules"}


def in_words(stored: Stored, *, now_ms: int, policy: AgePolicy) -> str:
    """Return the report for people, 中文 first."""
    found = report(stored, now_ms=now_ms, policy=policy)
    if not found["lists"]:
        lines = [
            "没有签名名单 no signed lists yet. 请联网同步 synchronise: xinguan sync now, or xinguan lists import FILE"
        ]
    else:
        lines = ["城市 city · 内容 content · 版本 version · 距上次确认 confirmed · 状态 state"]
    for row in found["lists"]:
        word = judged(row["age_s"], row["kind"], policy)
        lines.append(
            f"{row['city']:<12} {KINDS[row['kind']]:<10} v{row['version']:<6} {_span(row['age_s']):<14}"
            f" {word.zh} {word.en}"
        )
    lines += [f"异常 problem  {role or '全部 all'}: {text}" for role, text in found["problems"].items()]
    if found["killed_keys"]:
        lines.append(f"已吊销密钥 killed keys: {found['killed_keys']}")
    if found["lists"]:
        lines += [_step(step) for step in policy.steps]
    return "\n".join(lines)


def _step(step: AgeStep) -> str:
    """Return what one step of the signed policy gives, in words."""
    offers_zh = "全部优惠" if step.offers is None else "仅 " + "、".join(sorted(step.offers))
    offers_en = "everything" if step.offers is None else "only " + ", ".join(sorted(step.offers))
    most = ", ".join(f"{kind} ≤ ¥{fen / 100:.2f}" for kind, fen in sorted(step.max_fen.items()))
    return f"名单 {_span(step.up_to_s)} 以内 lists up to so old: {offers_zh} {offers_en}{most and f' · {most}'}"


def _span(age_s: int) -> str:
    if age_s < HOUR_S:
        return f"{age_s // 60} 分 min"
    if age_s < 2 * DAY_S:
        return f"{age_s // HOUR_S} 小时 h"
    return f"{age_s // DAY_S} 天 d"
