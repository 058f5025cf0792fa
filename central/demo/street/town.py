"""The town of the demo as data: its sites and terminals, and what its city and a partner city decide.

云溪古镇 Yunxi is invented, and so is the partner city 南山. Nothing here is code of a scene: a city's offices would
write this (decision.md, "Benefit catalogue").
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

CITY: Final = "yunxi"
PARTNER: Final = "nanshan"
SITE: Final = "yunxi-town"
TRUSTED_GROUP: Final = 12
RESTRICTING: Final = 302
AUTHORITIES: Final = {CITY: "云溪市文化和旅游局", PARTNER: "南山市文化和旅游局"}
PARTNER_TIER, MAPPED_TIER = 7, 3
ADULT_FEN, CHILD_FEN, ROOM_FEN, SUITE_FEN = 6_000, 3_000, 30_000, 58_000

Document = dict[str, Any]

BENEFITS: Final[list[Document]] = [
    {
        "id": "yunxi.first-visit",
        "code": 1,
        "version": 1,
        "issuer": CITY,
        "title": {"zh": "守信游客每日首次免票", "en": "Trusted visitors: first entry of the day free"},
        "offer": {"kind": "free"},
        "who": {"groups_any": [TRUSTED_GROUP]},
        "where": {"sites": [SITE], "scenes": ["gate"]},
        "limits": [{"count": "uses", "per": "subject", "scope": "site", "period": "day", "max": 1}],
        "needs": ["bound-token"],
        "offline": {"allow": True, "max_list_age_h": 72},
    },
    {
        "id": "yunxi.partner",
        "code": 2,
        "version": 1,
        "issuer": CITY,
        "title": {"zh": "互认城市半价", "en": "Partner cities: half price"},
        "offer": {"kind": "percent", "percent_off": 50},
        "who": {"issuers": [PARTNER], "min_tier": MAPPED_TIER},
        "where": {"sites": [SITE], "scenes": ["gate"]},
        "limits": [{"count": "uses", "per": "subject", "scope": "site", "period": "day", "max": 1}],
    },
    {
        "id": "yunxi.no-deposit",
        "code": 3,
        "version": 1,
        "issuer": CITY,
        "title": {"zh": "住宿免押金", "en": "Stay without deposit"},
        "offer": {"kind": "deposit_waiver", "cap_fen": 50_000},
        "who": {"min_tier": 3},
        "where": {"sites": [SITE], "scenes": ["hotel"]},
        "needs": ["challenge"],
        "lifecycle": {"open_close": {"due": "P1D", "on_overdue": "flag"}},
    },
    {
        "id": "yunxi.shop",
        "code": 4,
        "version": 1,
        "issuer": CITY,
        "title": {"zh": "诚信购物九折", "en": "10 % off in town shops"},
        "offer": {"kind": "percent", "percent_off": 10, "cap_fen": 5_000},
        "who": {"min_tier": 3},
        "where": {"sites": [SITE], "scenes": ["shop"]},
        "reversal": {"within_h": 168, "gives_back": True},
    },
]

MEASURE_CODES: Final[Document] = {
    str(RESTRICTING): {
        "title": {"zh": "限制进入旅游景区", "en": "Barred from scenic sites"},
        "effect": "restrict",
        "scenes": ["gate"],
        "basis": "《信用条例》第二十三条",
        "remedy": {"zh": "履行义务后向认定单位申请信用修复", "en": "Meet the obligation, then ask for repair"},
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One terminal of the town: its id, what it is called, and its lane."""

    terminal: str
    lane: str
    scene: str
    screen: str
    zh: str
    en: str
    ticket_types: tuple[tuple[str, str, str, int], ...]
    shown: bool = True  # whether the page has its screen


GATE: Final = Post(
    terminal="gate-east",
    lane="A",
    scene="gate",
    screen="gate",
    zh="东门闸机",
    en="East gate",
    ticket_types=(("adult", "成人票", "Adult", ADULT_FEN), ("child", "儿童票", "Child", CHILD_FEN)),
)
DESK: Final = Post(
    terminal="hotel-desk",
    lane="D",
    scene="hotel",
    screen="desk",
    zh="临溪客栈前台",
    en="Riverside Inn desk",
    ticket_types=(("room", "标准间", "Room", ROOM_FEN), ("suite", "溪景套房", "Suite", SUITE_FEN)),
)
COUNTER: Final = Post(
    terminal="tea-shop", lane="C", scene="shop", screen="counter", zh="云雾茶庄", en="Tea shop", ticket_types=()
)
WEST: Final = Post(
    terminal="gate-west",
    lane="B",
    scene="gate",
    screen="gate",
    zh="西门闸机",
    en="West gate",
    ticket_types=GATE.ticket_types,
    shown=False,
)
POSTS: Final = (GATE, DESK, COUNTER, WEST)
HUB: Final = "hub-yunxi"
HUB_PROFILE: Final[Document] = {
    "site": SITE,
    "title": {"zh": "云溪古镇 · 枢纽", "en": "Yunxi Old Town · hub"},
    "issuer": CITY,
    "test": True,
    "lanes": [],
    "role": "hub",
}


def profile(post: Post, more: Sequence[Document] = ()) -> Document:
    """Return the profile that enrolment gives this terminal, with further lanes after its own."""
    return {
        "site": SITE,
        "title": {"zh": f"云溪古镇 · {post.zh}", "en": f"Yunxi Old Town · {post.en}"},
        "issuer": CITY,
        "test": True,
        "lanes": [{"id": post.lane, "scene": post.scene}, *more],
        "ticket_types": [
            {"id": name, "title": {"zh": zh, "en": en}, "price_fen": fen} for name, zh, en, fen in post.ticket_types
        ],
        "texts": {
            "site_url": {"zh": "https://yunxi.example/s/town", "en": "https://yunxi.example/s/town?lang=en"},
            "appeal_url": {"zh": "https://yunxi.example/appeal", "en": "https://yunxi.example/appeal?lang=en"},
        },
        "pledge": {
            "zh": "明码实价，不强制消费，投诉当日答复。",
            "en": "Prices as shown, nothing forced on you, complaints answered the same day.",
        },
        "grade": "AAA",
    }


def office_files(city: str) -> dict[str, bytes]:
    """Return the JSON files that the city's offices edit, by name (lists.md)."""
    home = city == CITY
    found: dict[str, Document] = {
        "benefits.json": {"issuer": city, "version": 1, "benefits": BENEFITS if home else []},
        "calendars.json": {"issuer": city, "calendars": {}},
        "measure-codes.json": {"issuer": city, "codes": MEASURE_CODES},
        "sites.json": {"issuer": city, "site_sets": {}},
    }
    if home:
        mapping = {PARTNER: {"tiers": {str(PARTNER_TIER): MAPPED_TIER}, "groups": {}}}
        found["mapping.json"] = {"issuer": city, "mapping": mapping}
    return {name: json.dumps(body, ensure_ascii=False).encode() for name, body in found.items()}
