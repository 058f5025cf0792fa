"""`xinguan doctor --open LANE`: a gate tries itself once, with somebody standing at it."""

import time

from edge.actuators.gate import Attempt, Done, Outcome
from edge.actuators.lines import Turns
from edge.actuators.making import make_gate
from edge.actuators.tables import GateTable

WORDS = {
    Outcome.ACTUATED: ("闸门已开", "the gate opened"),
    Outcome.NOT_ACTUATED: ("闸门没有打开", "the gate did not open"),
    Outcome.UNKNOWN: ("不知道闸门是否打开", "nobody knows whether the gate opened"),
}
MENDS = {
    Outcome.ACTUATED: "",
    Outcome.NOT_ACTUATED: "compare address, wiring and the expected answer with docs/devices.md",
    Outcome.UNKNOWN: "give it longer (timeout_s), or name how it can be asked (status, ask); see docs/devices.md",
}


async def trial(lane: str, setting: str | GateTable | None) -> tuple[str, str, str]:
    """Open once and switch off again; return what came of it in both languages, and the mend."""
    gate = make_gate(setting, Turns())
    if gate is None:
        return "本道没有闸门", "this lane has no gate", "name one: [[lanes]] actuator (docs/devices.md)"
    attempt = Attempt(lane=lane, redemption=f"doctor-{time.time_ns() // 1_000_000}")
    began = time.monotonic()
    async with gate:
        done: Done = await gate.open(attempt)
    zh, en = WORDS[done.outcome]
    took = f"{(time.monotonic() - began) * 1000:.0f} ms"
    detail = f": {done.detail}" if done.detail else ""
    return f"{zh}，{took}{detail}", f"{en} in {took}{detail}", MENDS[done.outcome]
