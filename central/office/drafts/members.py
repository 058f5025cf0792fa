"""Tiers and groups as one draft, from a file or for one person: told as a diff, approved and undone as a whole.

Rules of this file:

- a tier opens gates like a measure closes them, so nobody gives or takes one alone;
- what each person had and shall have waits in the register (`wished_member`), for a draft of fifty thousand is no text;
- a draft rests on what each had when it was made: when somebody's changed meanwhile, it is overtaken;
- undone, everybody has what they had before, unless that was changed again since.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from central.lists.cities import households, publish
from central.lists.metadata_files import PublishingError
from central.lists.rows import check_households
from central.office import entries
from central.office.drafts.keeping import Draft, Proposal, Words, by_both, by_both_undone
from central.office.refusals import RefusedError
from central.register.members import Standing, list_members, standing_of
from central.register.registry import register, zone_of
from central.register.warrants import done_already

TOLD: Final = 20
NAMES: Final = "SELECT name FROM subject WHERE city = ? AND pseudonym = ?"
PUT: Final = "INSERT INTO wished_member (wish, pseudonym, before_json, after_json) VALUES (?, ?, ?, ?)"
WISHED: Final = "SELECT pseudonym, before_json, after_json FROM wished_member WHERE wish = ? ORDER BY pseudonym"
Wished = dict[bytes, tuple[Standing | None, Standing]]  # whom → what they had, what they shall have


def differing(state: Path, city: str, wished: Mapping[bytes, Standing]) -> Wished:
    """Return those for whom a wish changes anything, with what they have now."""
    with register(state) as conn:
        zone_of(conn, city)
        had = {key: standing_of(conn, city, key) for key in wished}
    return {key: (had[key], one) for key, one in wished.items() if had[key] != one}


def propose(state: Path, city: str, wish: str, changes: Wished) -> Proposal:
    """Keep what a draft will list under the name `wish`, and return the draft; raise RefusedError for nothing."""
    if not changes:
        raise RefusedError("没有任何变化 · nothing changes")
    rows = [(wish, key, _text(had), _text(shall)) for key, (had, shall) in changes.items()]
    with register(state) as conn:
        conn.executemany(PUT, rows)
        words = _words(conn, city, changes)
    content = {"wish": wish, "people": len(changes)}
    return Proposal(city=city, kind="members", authority="", subject=wish, content=content, words=words)


def wished(state: Path, draft: Draft) -> Wished:
    """Return what a draft will list; whoever was forgotten since is not in it any more."""
    with register(state) as conn:
        return _wished(conn, draft)


def take(state: Path, draft: Draft, now_ms: int) -> dict[str, Any]:
    """List everybody as the draft says, and publish once."""
    return _listed(state, draft, undo=False, now_ms=now_ms)


def undo(state: Path, draft: Draft, now_ms: int) -> dict[str, Any]:
    """Give everybody what they had before, and publish once; raise RefusedError where it was changed again."""
    return _listed(state, draft, undo=True, now_ms=now_ms)


def _listed(state: Path, draft: Draft, *, undo: bool, now_ms: int) -> dict[str, Any]:
    warrant, ranges = by_both_undone(draft) if undo else by_both(draft), households(state, draft.city)
    with register(state) as conn:
        changes = _wished(conn, draft)
        before = {key: had for key, (had, _shall) in changes.items()}
        after = {key: shall for key, (_had, shall) in changes.items()}
        again = done_already(conn, warrant, "member", city=draft.city)
        if undo and not again and any(standing_of(conn, draft.city, key) != one for key, one in after.items()):
            raise RefusedError("之后又有修改，请先回退较新的一次 · changed again since; roll that back first")
        wish = str(draft.content["wish"])
        list_members(conn, draft.city, before if undo else after, about=wish, warrant=warrant, now_ms=now_ms)
        try:
            check_households(conn, draft.city, ranges, changes)
        except PublishingError as error:
            raise RefusedError(str(error)) from error
    published = publish(state, now_ms=now_ms, cities=(draft.city,))
    return {"people": len(changes), "published": published.version, "changed": list(published.changed)}


def overtaken(state: Path, draft: Draft) -> bool:
    """Return whether anybody's tier or groups changed since the draft was made, other than by this very draft."""
    with register(state) as conn:
        if draft.approver is not None and done_already(conn, by_both(draft), "member", city=draft.city):
            return False
        changes = _wished(conn, draft)
        return any(standing_of(conn, draft.city, key) != had for key, (had, _shall) in changes.items())


def _wished(conn: sqlite3.Connection, draft: Draft) -> Wished:
    found: Wished = {}
    for key, before, after in conn.execute(WISHED, (draft.content["wish"],)):
        had, shall = json.loads(before), json.loads(after)
        found[bytes(key)] = (None if had is None else Standing.of(*had), Standing.of(*shall))
    return found


def _text(one: Standing | None) -> str:
    return json.dumps(one)


def _words(conn: sqlite3.Connection, city: str, changes: Wished) -> tuple[Words, ...]:
    """Return how many go from which tier to which, and the first people one by one."""
    moves = Counter((_tier(had), shall.tier) for had, shall in changes.values())
    told = [
        Words(
            zh=f"等级 {was or '无'} → {now or '无'}：{many} 人",
            en=f"tier {was or 'none'} → {now or 'none'}: {many} people",
        )
        for (was, now), many in sorted(moves.items())
    ]
    for key, (had, shall) in list(changes.items())[:TOLD]:
        row = conn.execute(NAMES, (city, key)).fetchone()
        shown = entries.masked(row[0]) if row else key.hex()[:6]
        zh, en = (f"{_shown(had, at)} → {_shown(shall, at)}" for at in (0, 1))
        told.append(Words(zh=f"{shown}：{zh}", en=f"{shown}: {en}"))
    if len(changes) > TOLD:
        told.append(Words(zh=f"……共 {len(changes)} 人", en=f"… {len(changes)} people in all"))
    return tuple(told)


def _tier(one: Standing | None) -> int:
    return 0 if one is None else one.tier


def _shown(one: Standing | None, at: int) -> str:
    """Return a standing in Chinese (0) or English (1)."""
    if one is None:
        return ("凭证所载", "what the credential says")[at]
    groups = "、".join(map(str, one.groups)) or ("无", "none")[at]
    return (f"等级 {one.tier or '无'}，人群 {groups}", f"tier {one.tier or 'none'}, groups {groups}")[at]
