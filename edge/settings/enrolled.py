"""The lanes of the file beside those of the signed profile, as things to mend (contract.md §10). Pure.

`edge.terms` says what differs and what is in force; here stands what a technician is told. A terminal does not start
with a lane that its profile does not name: nothing would say for which place it decides.
"""

from collections.abc import Sequence

from edge.config import LaneTable
from edge.problems import Problem
from edge.terms import differences
from sync.wire.profiles import Profile


def problems(lanes: Sequence[LaneTable], profile: Profile) -> list[Problem]:
    """Return where `lanes` and the profile differ."""
    places = {lane.id: f"lanes[{number}]" for number, lane in enumerate(lanes)}
    found = []
    for one in differences(lanes, profile):
        key = f"{places[one.lane]}.{one.key}"
        if one.ours is None:
            names = ", ".join(lane.id for lane in profile.lanes) or "—"
            zh, en = f"登记的通道中没有 {one.lane!r}", f"the enrolled profile has no lane {one.lane!r}"
            found.append(Problem(key, zh, en, f"请写其中之一：{names}", f"Write one of {names}"))
            continue
        ours, theirs = (f'"{value}"' if isinstance(value, str) else str(value) for value in (one.ours, one.theirs))
        zh, en = f"登记为 {theirs}，此处为 {ours}", f"is {theirs} in the enrolled profile, which wins, and {ours} here"
        mend = (
            f"请写 {one.key} = {theirs}，或请平台更改",
            f"Write {one.key} = {theirs}, or ask the platform to change it",
        )
        found.append(Problem(key, zh, en, *mend))
    return found


def strangers(lanes: Sequence[LaneTable], profile: Profile) -> list[Problem]:
    """Return what is wrong with lanes that the profile does not name. One without lanes says nothing about them."""
    known = {lane.id for lane in profile.lanes}
    return [one for one in problems(lanes, profile) if known and one.key.endswith(".id")]
