"""What one person did alone because it could not wait: told to everybody, until somebody else has looked at it.

Rules of this file:

- an emergency is an act of the office journal whose name begins with `emergency.` (`central … --emergency WHY`);
- it stays on every work list of its city until another person, with the duty for it, says that they have looked;
- looking changes nothing: what was wrong is undone the usual way, by a repair, a draft, or going back.
"""

from typing import Any, Final

from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.refusals import NotThereError, RefusedError
from central.register.accounts import acts
from central.register.accounts.acts import Act, Written
from central.register.accounts.duties import Person
from storage.jobs import Tx

EMERGENCY: Final = "emergency."
SEEN: Final = "emergency.seen"
OPEN: Final = (
    f"SELECT {acts.COLUMNS} FROM acts a WHERE city = $1 AND act >= 'emergency.' AND act < 'emergency/'"  # noqa: S608
    " AND act <> 'emergency.seen' AND outcome <> 'failed' AND (outcome = 'done' OR NOT EXISTS (SELECT 1 FROM acts e"
    " WHERE e.city = $1 AND e.act >= 'emergency.' AND e.act < 'emergency/' AND e.of_number = a.number))"
    " AND NOT EXISTS (SELECT 1 FROM acts s WHERE s.city = $1 AND s.act = 'emergency.seen'"
    " AND s.of_number = a.number) ORDER BY number"
)


async def unseen(tx: Tx, city: str) -> list[Written]:
    """Return the emergencies of a city that nobody has looked at yet, also one that a power cut left half done."""
    return [Written(*row) for row in await tx.rows(OPEN, city)]


async def look(desk: Desk, who: Person, city: str, number: int, asked: Asked) -> dict[str, Any]:
    """Say that somebody else has looked at an emergency; raise NotThereError, RefusedError, ForbiddenError."""
    who.check("emergency.look", city)
    asked = asked.checked(desk.now_ms())
    found = {one.number: one for one in await desk.books.read(lambda tx: unseen(tx, city))}
    if number not in found:
        raise NotThereError(f"没有待复看的第 {number} 号紧急处置 · no emergency {number} waits to be looked at")
    one = found[number]
    if one.operator.removeprefix("@") == who.operator:  # a command bears the machine's name for the same person
        raise RefusedError("须由另一人复看 · somebody else has to look at it")
    act = Act(act=SEEN, city=city, subject=one.subject, why=asked.why, of=number, once=asked.once)

    async def job(_tx: Tx) -> None:
        return None

    await desk.write(who, act, job)
    return {"act": number}
