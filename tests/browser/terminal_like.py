"""A small server that speaks the terminal's API with answers of the real shape, for looking at screens alone.

It holds no rule of ours: what it says next is set by the test (or by the keys of `SHOWS` on the command line).
"""

import asyncio
import json
import time
from typing import Any

from aiohttp import web

from edge.screens.pages import screen_routes

TOKEN = "look"
DISPLAY = f"{TOKEN}-display"  # shows, and may not act


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def status(**more: Any) -> dict[str, Any]:
    return {
        "terminal": "t-1",
        "site": "yunxi-east",
        "title": {"zh": "云溪古镇", "en": "Yunxi Old Town"},
        "test": True,
        "lanes": [
            {"id": "A", "scene": "gate", "camera": True},
            {"id": "D", "scene": "hotel", "camera": None},
            {"id": "C", "scene": "shop", "camera": None},
        ],
        "ticket_types": [
            {"id": "adult", "title": {"zh": "成人票", "en": "Adult"}, "price_fen": 6000},
            {"id": "child", "title": {"zh": "儿童票", "en": "Child"}, "price_fen": 3000},
        ],
        "pledge": {"zh": "明码实价，不强制消费，投诉当日答复。", "en": "Prices as shown."},
        "grade": "AAA",
        "texts": {
            "site_url": {"zh": "https://yunxi.example/s/east"},
            "appeal_url": {"zh": "https://yunxi.example/appeal"},
        },
        "clock": "trusted",
        "offline": False,
        "unsent": 0,
        "oldest_unsent_s": None,
        "lists": [{"name": "measures", "version": 4, "age_s": 12}],
        "version": "0.1.0",
        "ready": True,
        "now_ms": now_ms(),
        **more,
    }


def reason(code: str, zh: str, en: str, **facts: Any) -> dict[str, Any]:
    return {"code": code, "zh": zh, "en": en, "facts": facts}


TITLE = {"zh": "守信游客首次免票", "en": "First visit free"}
OK = reason("ok", "可以享受", "granted")
SHOWS: dict[str, dict[str, Any]] = {
    "grant": {
        "outcome": "GRANT",
        "benefit": "yunxi.first-visit",
        "offers": [{"title": TITLE}],
        "offer": {"kind": "free"},
        "reasons": [OK],
        "redemption": "0193-a",
        "journal_seq": 7,
        "left": {"yunxi.first-visit": 0},
        "list_price_fen": 6000,
        "intent": "enter",
    },
    "half": {
        "outcome": "GRANT",
        "benefit": "yunxi.foreign",
        "offers": [{"title": {"zh": "互认城市半价", "en": "Half price for partner cities"}}],
        "offer": {"kind": "percent", "off_fen": 3000, "to_pay_fen": 3000},
        "reasons": [OK],
        "redemption": "0193-b",
        "journal_seq": 8,
        "list_price_fen": 6000,
        "intent": "enter",
        "offline": True,
    },
    "standard": {
        "outcome": "STANDARD",
        "benefit": None,
        "offer": None,
        "redemption": None,
        "list_price_fen": 6000,
        "reasons": [
            reason(
                "limit_used",
                "优惠次数已用完",
                "the benefit has been used up",
                at="2026-11-22T09:12:05+08:00",
                where="yunxi-town/A",
            )
        ],
    },
    "many": {
        "outcome": "STANDARD",
        "benefit": None,
        "offer": None,
        "redemption": None,
        "list_price_fen": 6000,
        "reasons": [
            reason("not_eligible", "不在本优惠的人群范围", "not in the group of this benefit"),
            reason("holiday_excluded", "重大节假日不适用", "not on major holidays"),
            reason("needs_bound_token", "需要手机动态码", "needs the dynamic code of a phone"),
            reason(
                "wrong_time", "不在优惠时段", "outside the hours of this benefit", **{"from": "08:00", "until": "11:30"}
            ),
        ],
    },
    "refer": {
        "outcome": "REFER",
        "benefit": None,
        "offer": None,
        "redemption": None,
        "list_price_fen": 6000,
        "reasons": [reason("needs_id_check", "请出示身份证件核对", "please show your identity card to the staff")],
    },
    "refuse": {
        "outcome": "REFUSE",
        "benefit": None,
        "offer": None,
        "redemption": None,
        "list_price_fen": 6000,
        "reasons": [
            reason(
                "restricted",
                "有关部门的限制措施正在执行",
                "a restriction by an authority is in force",
                authority="云溪市文化和旅游局",
                basis="《云溪市信用条例》第二十三条",
                until="2026-12-31",
                remedy={"zh": "缴清罚款后申请信用修复", "en": "Pay the fine, then apply for repair"},
            )
        ],
    },
    "deposit": {
        "outcome": "GRANT",
        "benefit": "yunxi.no-deposit",
        "offers": [{"title": {"zh": "住宿免押金", "en": "No deposit"}}],
        "intent": "open",
        "offer": {"kind": "deposit_waiver", "waived_fen": 30000, "to_pay_fen": 0},
        "amount_fen": 30000,
        "reasons": [OK],
        "redemption": "0193-c",
        "journal_seq": 9,
    },
    "buy": {
        "outcome": "GRANT",
        "benefit": "yunxi.shop",
        "offers": [{"title": {"zh": "诚信购物九折", "en": "10 % off in town shops"}}],
        "intent": "buy",
        "offer": {"kind": "percent", "off_fen": 1288, "to_pay_fen": 11592},
        "amount_fen": 12880,
        "reasons": [OK],
        "redemption": "0193-d",
        "journal_seq": 10,
    },
}


CHECKS = [
    {"name": "keys", "ok": False, "zh": "没有发行密钥：请同步名单", "en": "no issuer keys"},
    {"name": "clock", "ok": True, "zh": "时钟可信", "en": "the clock is trusted"},
]
OFFERS: list[dict[str, Any]] = [
    {
        "id": "shop.1", "code": 1, "version": 2, "local": True, "title": {"zh": "赠龙井一杯", "en": "A cup of tea"},
        "offer": {"kind": "gift", "item": "龙井"}, "limits": [{"max": 1, "period": "day"}], "stock": 20, "left": 0,
        "lane": "C", "in_force": True, "change": "edited", "undoable": True, "by": "counter",
        "at_ms": 1_790_000_000_000, "problem": None, "warnings": [],
    },
    {
        "id": "shop.2", "code": 2, "version": 1, "local": True, "title": {"zh": "诚信会员八折"},
        "offer": {"kind": "percent", "percent_off": 20}, "when": {"until": "2026-12-31"}, "limits": [], "stock": None,
        "left": None, "lane": "C", "in_force": True, "change": "created", "undoable": False, "by": "counter",
        "at_ms": 1_780_000_000_000, "problem": None,
        "warnings": [{"path": "$.when", "zh": "不会生效：时段已过", "en": "never applies: it is over"}],
    },
]  # fmt: skip
LANES = {"gate": "A", "desk": "D", "counter": "C", "staff": "A", "service": "A"}
PERSONS = [{"person": "王芳", "role": "supervisor"}, {"person": "李强", "role": "keeper"}]
PIN = "730195"


class LookAlike:
    """The server. `tell` sends an event to every open screen; `posted` holds (path, body) of what screens asked."""

    def __init__(self) -> None:
        self.base = ""
        self.posted: list[tuple[str, Any]] = []
        self.status: dict[str, Any] = {}
        self.shows = SHOWS
        self.answer: dict[str, Any] = SHOWS["standard"]
        self.may_act = True
        self.refuses: dict[str, str] = {}  # step → the reason why it cannot be taken
        self.silent = False
        self.away = False  # nobody answers: every connection breaks off
        self.knocks = 0  # calls since it went away
        self.rooms = (("308", 60_000_000), ("215", 60_000_000), ("402", -60_000))  # (room, due in ms from now)
        self.challenge = "9f3c2a7be1d04856"
        self.persons = PERSONS
        self.locked_out = False
        self.awaiting: int | None = None  # fen that the newest redemption has still to pay
        self.connections = 0  # of screens to the events, since the start
        self.checks: list[dict[str, Any]] = []
        self._beat = asyncio.Event()
        self._listeners: set[asyncio.Queue[tuple[str, Any] | None]] = set()
        self.app = web.Application(middlewares=[self._authorised])
        self.app.add_routes(screen_routes())
        self.app.on_response_prepare.append(self._kept)
        self.app.add_routes(
            [
                web.get("/v1/events", self._events),
                web.get("/v1/readiness", self._readiness),
                web.get("/v1/redemptions", self._redemptions),
                web.post("/v1/present", self._present),
                web.post("/v1/redemptions/{id}/{step}", self._step),
                web.get("/v1/lanes/{lane}", self._lane),
                web.get("/v1/offers", self._offers),
                web.get("/v1/staff", self._staff),
                web.post("/v1/staff/{action}", self._staff_action),
                web.post("/v1/lanes/{lane}/open", self._staff_action),
            ]
        )

    def tell(self, name: str, data: Any) -> None:
        for queue in self._listeners:
            queue.put_nowait((name, data))

    def show(self, name: str, screen: str = "gate", **more: Any) -> None:
        """Send a decision."""
        self.tell("decision", {"lane": LANES[screen], "at_ms": now_ms(), **SHOWS[name], **more})

    async def beat(self) -> None:
        """Wait until a screen has been told how the terminal is, twice: the first may have been on its way."""
        for _ in range(2):
            self._beat.clear()
            await self._beat.wait()

    async def close(self) -> None:
        """End every stream, as a terminal does that dies; while `away` it does not come back."""
        for queue in self._listeners:
            queue.put_nowait(None)

    async def _kept(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Let the browser keep scripts and styles: to load them again for each page is half of what a page costs."""
        if request.path.startswith("/static/"):
            answer.headers["Cache-Control"] = "max-age=600"

    @web.middleware
    async def _authorised(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.away:
            self.knocks += 1
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPServiceUnavailable
        if request.path.startswith("/v1") and not request.headers.get("Authorization", "").startswith(
            f"Bearer {TOKEN}"
        ):
            return web.json_response({"title": "Unauthorized"}, status=401)
        display = request.headers.get("Authorization", "").endswith(DISPLAY)
        if request.path.startswith("/v1/redemptions") and (display or not self.may_act):
            return web.json_response({"title": "Forbidden"}, status=403)
        return await handler(request)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        queue: asyncio.Queue[tuple[str, Any] | None] = asyncio.Queue()
        queue.put_nowait(("hello", status(**self.status)))
        self._listeners.add(queue)
        self.connections += 1
        try:
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), 0.3)
                except TimeoutError:
                    event = ("status", status(**self.status))
                if event is None:
                    return answer
                if not self.silent:
                    data = json.dumps(event[1], ensure_ascii=False)
                    await answer.write(f"event: {event[0]}\ndata: {data}\n\n".encode())
                    self._beat.set()
        except ConnectionResetError:
            return answer
        finally:
            self._listeners.discard(queue)

    async def _readiness(self, _request: web.Request) -> web.Response:
        checks = self.checks or CHECKS
        return web.json_response({"ready": False, "checks": checks})

    async def _redemptions(self, _request: web.Request) -> web.Response:
        offer = {"waived_fen": 30_000, "off_fen": 1_288, "to_pay_fen": 11_592}
        offers = [{"title": {"zh": "住宿免押金", "en": "No deposit"}}]
        answer = {"outcome": "GRANT", "reasons": [OK], "offers": offers, "offer": offer}
        rows = [
            {
                "id": f"r{room}",
                "benefit": "b",
                "lane": "A",
                "asset": room,
                "at_ms": now_ms(),
                "state": "open",
                "due_ms": now_ms() + due,
                "amount_fen": 30_000,
                "claimed_fen": None,
                "answer": answer,
            }
            for room, due in self.rooms
        ]
        if self.awaiting is not None:
            due = {"state": "awaiting", "answer": answer | {"obligations": {"pay_fen": self.awaiting}}}
            rows[0] |= due
        return web.json_response(rows)

    async def _present(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.posted.append((request.path, body))
        if "short" in body:
            return web.json_response({"title": "Bad Request"}, status=400)
        return web.json_response({"at_ms": now_ms(), **self.answer})

    async def _step(self, request: web.Request) -> web.Response:
        self.posted.append((request.path, await request.json()))
        step = request.match_info["step"]
        if why := self.refuses.get(step):
            return web.json_response({"state": "passed", "error": why, "journal_seq": 11})
        return web.json_response({"state": step, "error": None, "journal_seq": 11})

    async def _lane(self, request: web.Request) -> web.Response:
        lane = {"id": request.match_info["lane"], "scene": "hotel", "intent": "open", "challenge": self.challenge}
        return web.json_response(lane)

    async def _staff(self, _request: web.Request) -> web.Response:
        return web.json_response(self.persons)

    async def _staff_action(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.match_info.get("action") != "unlock":
            self.posted.append((request.path, body))
            return web.json_response({"journal_seq": 12})
        if self.locked_out:
            return web.json_response({"title": "Locked"}, status=423)
        if body["pin"] != PIN:
            return web.json_response({"title": "Forbidden"}, status=403)
        role = next(one["role"] for one in PERSONS if one["person"] == body["person"])
        return web.json_response({"token": f"{TOKEN}-{role}", "person": body["person"], "role": role, "seconds": 300})

    async def _offers(self, _request: web.Request) -> web.Response:
        return web.json_response(OFFERS)
