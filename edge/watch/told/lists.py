"""What readiness can show about keys, signed lists and their news."""

from typing import Final

from edge.watch.told.cause import Cause, Level

_W, _N, _B = Level.WELL, Level.WARN, Level.BAD

LISTS: Final[dict[str, Cause]] = {
    "keys.well": Cause(_W, "发行密钥齐全", "issuer keys are here"),
    "keys.none": Cause(
        _B,
        "没有发行密钥",
        "there are no issuer keys",
        "联网同步名单，或用 xinguan lists import 导入",
        "connect it, or bring the lists with: xinguan lists import",
    ),
    "keys.over": Cause(
        _B,
        "本市没有一把发行密钥现在有效（已停用、已过期或尚未生效）",
        "none of this city's issuer keys is in force: killed, over or still to come",
        "请发行方换上新密钥并发布；随后联网同步",
        "have the issuer publish a new key, then connect the terminal",
    ),
    "lists.well": Cause(_W, "签名名单齐全", "the signed lists are here"),
    "lists.missing": Cause(
        _B,
        "缺少本市签名名单：{detail}",
        "signed lists of this city are missing or damaged: {detail}",
        "联网同步名单，或用 xinguan lists import 导入",
        "connect it, or bring the lists with: xinguan lists import",
    ),
    "news.well": Cause(_W, "名单更新正常", "news of the lists come in"),
    "news.refused": Cause(
        _N,
        "名单更新被拒：{detail}",
        "news of the lists are refused: {detail}",
        "联系平台；原有名单继续有效",
        "tell the platform's people; the lists in force go on",
    ),
    "news.too_long": Cause(
        _B,
        "名单已过期太久：{detail}",
        "the lists in force are too old: {detail}",
        "联系平台，或用 xinguan lists import 导入",
        "tell the platform's people, or bring the lists with: xinguan lists import",
    ),
    "news.withheld": Cause(
        _N,
        "名单较旧，部分优惠暂停：{detail}",
        "the lists are old and some benefits are withheld: {detail}",
        "检查网络，或用 xinguan lists import 导入新名单",
        "look at the network, or bring the lists with: xinguan lists import",
    ),
    "partners.well": Cause(_W, "伙伴城市名单正常", "partner cities' lists are well"),
    "partners.trouble": Cause(
        _N,
        "伙伴城市名单有误：{detail}",
        "a partner city's list is in trouble: {detail}",
        "联系该城市；其原有版本继续有效，其他城市不受影响",
        "tell that city; its version before stays in force, others are not touched",
    ),
    "entries.well": Cause(_W, "名单条目均可读", "every entry of the lists is read"),
    "entries.set_aside": Cause(
        _N,
        "有名单条目无法读取，已搁置：{detail}",
        "entries of the lists cannot be read and are set aside: {detail}",
        "联系发布该名单的城市更正",
        "tell the city that published them",
    ),
}
