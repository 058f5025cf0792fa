"""What a holder does and sees of their own, once handed over: credentials, grants, applications, receipts.

Rules of this file:

- everything is about the session's own person, whatever a request names; nothing asks whose it is;
- a credential is bound to a key that the phone has proved over our nonce (`central.office.approving.wallet`), claims no
  tier and no group, and carries what was approved;
- a person's phones get at most CREDENTIALS a day, and have at most `applications.MAX_OPEN` applications waiting.
"""

from datetime import date
from typing import Final, NamedTuple

from central.lists.issuing import Issued
from central.office.approving import applications, grants, issuing, wallet
from central.office.approving.applications import Application, Wish
from central.office.approving.grants import Grant
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.holders import receipts
from central.office.holders.handing import Holder
from central.office.refusals import RefusedError
from central.register.registry import register

CREDENTIALS: Final = 10
DAY_S: Final = 86_400
DAYS: Final = 30
OWN: Final = Asked(why="本人办理 by the holder")
LATELY: Final = "SELECT count(*) FROM credential WHERE city = ? AND subject = ? AND issued_s > ?"


class Wished(NamedTuple):
    """What a holder applies for: a benefit by its code, how often, until which day, and why."""

    code: int
    uses: int
    until: date
    why: str


async def nonce(desk: Desk, holder: Holder) -> str:
    """Return a nonce for the phone to prove its key with."""
    return await desk.run(lambda: wallet.make_nonce(desk.folder, holder.city, now_s=desk.now_ms() // 1000))


async def credential(desk: Desk, holder: Holder, proof: str) -> tuple[Issued, tuple[str, ...]]:
    """Issue a credential for a key that was proved; raise RefusedError, RepeatedError for a nonce used before."""
    await _few(desk, holder)
    code = issuing.Code(subject=holder.subject, proof=proof, days=DAYS)
    return await issuing.issue_to(desk, holder.person(), holder.city, code, OWN)


async def renewal(desk: Desk, holder: Holder, code: str, answered: str) -> tuple[Issued, tuple[str, ...]]:
    """Renew the holder's own credential; raise RefusedError, RepeatedError for a nonce used before."""
    await _few(desk, holder)
    old = issuing.Old(code=code, nonce=answered, days=DAYS)
    return await issuing.renew_to(desk, holder.person(), holder.city, old, OWN, own=holder.subject)


async def own_grants(desk: Desk, holder: Holder) -> list[Grant]:
    """Return what was approved for the holder, with what was used of it."""
    return await grants.listed(desk, holder.city, subject=holder.subject)


async def own_applications(desk: Desk, holder: Holder) -> list[Application]:
    """Return the holder's newest applications."""
    return await desk.books.read(lambda tx: applications.of_subject(tx, holder.city, holder.subject))


async def apply(desk: Desk, holder: Holder, wished: Wished) -> Application:
    """Enter an application of the holder's own; raise RefusedError."""
    wish = Wish(subject=holder.subject, code=wished.code, uses=wished.uses, until=wished.until)
    asked = Asked(why=wished.why)
    return await applications.enter_own(desk, holder.person(), holder.city, wish, asked, at_most=applications.MAX_OPEN)


async def own_receipts(desk: Desk, holder: Holder, *, before: str = "") -> list[receipts.OwnReceipt]:
    """Return a page of the holder's receipts, the newest first."""
    return await desk.books.read(lambda tx: receipts.listed(tx, holder.city, holder.subject, before=before))


async def _few(desk: Desk, holder: Holder) -> None:
    def count() -> int:
        with register(desk.folder) as conn:
            since = desk.now_ms() // 1000 - DAY_S
            row = conn.execute(LATELY, (holder.city, bytes.fromhex(holder.subject), since)).fetchone()
        return int(row[0])

    if await desk.run(count) >= CREDENTIALS:
        raise RefusedError(f"一天最多签发 {CREDENTIALS} 次，请明天再试 · at most {CREDENTIALS} credentials a day")
