"""What the demo shows of itself: one JSON object for the page, one line for a terminal without a browser."""

import asyncio
import time
from typing import Any, Final

import aiohttp

from central.clock import now_ms
from central.demo.audit import Audit
from central.demo.street.visitors import KINDS
from central.demo.world import World, used_elsewhere

Json = dict[str, Any]

AUDIT_EVERY_S: Final = 0.8
SHOWN: Final = 14


class View:
    """Reads the world for people. The audit is made anew at most every AUDIT_EVERY_S."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._audit: Audit | None = None
        self._audited = -AUDIT_EVERY_S

    async def audit(self) -> Audit:
        """Return a recent audit."""
        now = time.monotonic()
        if self._audit is None or now - self._audited >= AUDIT_EVERY_S:
            self._audit = await self._world.audit()
            self._audited = now
        return self._audit

    async def state(self) -> Json:
        """Return everything that the page draws."""
        world = self._world
        statuses = await asyncio.gather(*(link.status() for link in world.terminals.values()))
        terminals = [
            {
                "terminal": link.post.terminal,
                "zh": link.post.zh,
                "en": link.post.en,
                "screen": link.post.screen if link.post.shown else "",
                "url": link.screen_path,
                "up": status is not None,
                "unsent": (status or {}).get("unsent"),
                "offline": (status or {}).get("offline"),
            }
            for link, status in zip(world.terminals.values(), statuses, strict=True)
        ]
        return {
            "network": not world.network.is_cut,
            "terminals": terminals,
            "platform": await self._platform(),
            "audit": (await self.audit()).to_json(),
            "outcomes": dict(world.at_gate.outcomes),
            "seen": [seen.to_json() for seen in world.at_gate.seen[-SHOWN:]],
            "latency_ms": world.latency_ms,
            "slow": world.pace.words() if world.pace.slow else None,
            "current": world.at_gate.current.subject.hex()[:8] if world.at_gate.current else None,
            "west": self._west(),
            "may_second": world.visitors.last_granted is not None,
            "kinds": [
                {"kind": name, "zh": kind.zh, "en": kind.en, "outcome": kind.outcome} for name, kind in KINDS.items()
            ],
        }

    def _west(self) -> Json | None:
        """Return what the west gate said last, in both languages."""
        answer = self._world.west_said
        if answer is None:
            return None
        told = used_elsewhere(answer, now_ms=now_ms())
        said = f"{answer['outcome']} {' '.join(reason['code'] for reason in answer['reasons'])}"
        return told or {"zh": said, "en": said}

    async def _platform(self) -> Json | None:
        try:
            ledger = await self._world.platform.ledger()
        except aiohttp.ClientError:
            return None
        return {
            "records": ledger["records"],
            "redemptions": ledger["redemptions"][:SHOWN],
            "conflicts": len(ledger["conflicts"]),
            "terminals": {one["terminal"]: one["acked_through"] for one in ledger["terminals"]},
        }

    async def line(self) -> str:
        """Return the state in one line."""
        audit, world = await self.audit(), self._world
        network = "断网 CUT" if world.network.is_cut else "在线 online"
        outcomes = " ".join(f"{name} {count}" for name, count in sorted(world.at_gate.outcomes.items())) or "—"
        figures = (
            f"网络 {network}",
            outcomes,
            f"终端 journal {audit.journal_records}",
            f"平台 platform {audit.platform_records}",
            f"未上传 unsent {audit.unsent}",
            f"丢失 lost {audit.lost}",
            f"重复 twice {audit.duplicated}",
        )
        return " | ".join(figures)
