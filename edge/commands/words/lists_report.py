"""The signed lists in words: what is in force, how old it is, what is wrong. Pure."""

from typing import Final

from cache.lists.values import Stored
from edge.api.calls.lists_shown import DAY_S, HOUR_S, judged, report

KINDS: Final = {"issuers": "密钥 keys", "lists": "名单 lists", "rules": "规则 rules"}


def in_words(stored: Stored, *, now_ms: int) -> str:
    """Return the report for people, 中文 first."""
    found = report(stored, now_ms=now_ms)
    if not found["lists"]:
        lines = [
            "没有签名名单 no signed lists yet. 请联网同步 synchronise: xinguan sync now, or xinguan lists import FILE"
        ]
    else:
        lines = ["城市 city · 内容 content · 版本 version · 距上次确认 confirmed · 状态 state"]
    for row in found["lists"]:
        word = judged(row["age_s"])
        lines.append(
            f"{row['city']:<12} {KINDS[row['kind']]:<10} v{row['version']:<6} {_span(row['age_s']):<14}"
            f" {word.zh} {word.en}"
        )
    lines += [f"异常 problem  {role or '全部 all'}: {text}" for role, text in found["problems"].items()]
    if found["killed_keys"]:
        lines.append(f"已吊销密钥 killed keys: {found['killed_keys']}")
    return "\n".join(lines)


def _span(age_s: int) -> str:
    if age_s < HOUR_S:
        return f"{age_s // 60} 分 min"
    if age_s < 2 * DAY_S:
        return f"{age_s // HOUR_S} 小时 h"
    return f"{age_s // DAY_S} 天 d"
