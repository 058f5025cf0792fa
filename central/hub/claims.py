"""Answering a claim: is there room under these keys, with everybody's facts and asks counted.

The text is claims.md, lines 10–18 of its pseudo-code; the numbers below are its own. Everything here is one job of a
store, so that asks of one key follow each other; nothing waits for a network (`central.hub.asking` asks the platform).

1. A redemption id lives once: held → the same answer; refused, released, void, given back → `gone`.
2. Releases of the same ask come first. A release of a committed id does nothing.
3. live = living uses by facts + held claims + what is leased and not used; doubt = lapsed claims.
4. What facts alone forbid is `used`; what somebody claims beside is `held`; what a silent terminal may have taken is
   `doubtful`, and takes nothing. All keys or none; a refused id is remembered.
5. Of its own redemptions the asker knows more than we: living ones that it names and whose facts have not come count as
   facts, also where they are still held here; those that it has given back do not count, also where they still do here.
6. Rolling keys count by time; a use of a group or a household tells nothing but its time.
"""

from dataclasses import dataclass, replace
from typing import Final

from central.books import pledges
from central.books.bounds import Bounds
from central.books.counts import WHOLE, window
from central.books.tallies import spent_within
from central.hub.rows import Known, known_at_site
from storage.jobs import Tx
from sync.wire.claims import MAX_ROWS, ClaimAnswer, ClaimKey, ClaimRequest, Refused

PRIVATE_HOLDERS: Final = ("group:", "all")  # whose use is told by its time alone
NONCE: Final = "n|"
UNBOUNDED: Final = 2**53 - 1
KNOWN: Final = {"held": "held", "lapsed": "gone", "gone": "gone"}  # what an ask under an id hears, by its claim

COMMITTED: Final = "SELECT state FROM redemptions WHERE redemption = $1"
HEARD_OF: Final = (  # by facts, by endings ahead of them, by asks
    "SELECT (SELECT state FROM redemptions WHERE redemption = $1 AND terminal = $2 LIMIT 1),"
    " (SELECT 1 FROM redemptions WHERE redemption = $1 LIMIT 1),"
    " (SELECT 1 FROM endings WHERE redemption = $1 LIMIT 1), c.state, c.terminal"
    " FROM (SELECT 1 AS one) AS once LEFT JOIN claims c ON c.redemption = $1"
)
ENDED: Final = "SELECT 1 FROM endings WHERE redemption = $1"
VOID_RUN: Final = "SELECT 1 FROM runs WHERE terminal = $1 AND run = $2 AND over = 1"
SPENT_AND_LEASED: Final = (  # by facts, and what is leased beyond them
    "SELECT (SELECT spent FROM tallies WHERE key = $1),"
    " CAST(coalesce(sum(CASE WHEN total > used THEN total - used ELSE 0 END), 0) AS BIGINT) FROM (SELECT total,"
    " (SELECT coalesce(sum(u.n - u.back), 0) FROM uses u WHERE u.key = l.quota AND u.terminal = l.terminal) AS used"
    " FROM leases l WHERE l.quota = $1) AS out_of_it"
)
NEWEST: Final = (
    "SELECT u.at_ms, u.terminal, t.site FROM uses u JOIN terminals t ON t.terminal = u.terminal"
    " WHERE u.key = $1 AND u.n > u.back ORDER BY u.at_ms DESC, u.seq DESC LIMIT 1"
)
OWN: Final = (
    "SELECT u.n, u.back, r.state, u.terminal FROM uses u LEFT JOIN redemptions r"
    " ON r.redemption = u.redemption AND r.terminal = u.terminal AND r.epoch = u.epoch"
    " WHERE u.key = $1 AND u.redemption = $2"
)
OWN_STANDING: Final = "SELECT n, back FROM uses WHERE key = $1 AND redemption = $2 AND terminal = $3"
OWN_HELD: Final = (
    "SELECT d.n FROM claims c JOIN claimed d ON d.redemption = c.redemption"
    " WHERE c.redemption = $1 AND d.key = $2 AND c.terminal = $3 AND c.state = 'held'"
)


Locked = dict[str, tuple[int, int]]  # by key: held, lapsed


@dataclass(frozen=True, slots=True)
class Room:
    """What stands under one key, and its bound."""

    key: str
    n: int
    bound: int
    proved: int
    live: int
    doubt: int

    @property
    def verdict(self) -> str:
        """Return used, held, doubtful or free, in the order in which they decide."""
        if self.proved + self.n > self.bound:
            return "used"
        if self.live + self.n > self.bound:
            return "held"
        return "doubtful" if self.live + self.doubt + self.n > self.bound else "free"

    @property
    def left(self) -> int:
        """Return how much could still be taken."""
        return max(0, self.bound - self.live)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, proven by a request token."""

    terminal: str


async def answer_claim(tx: Tx, asker: Asker, ask: ClaimRequest, bounds: Bounds, *, now_ms: int) -> ClaimAnswer:
    """Answer one ask at `now_ms` of this authority's running time."""
    await pledges.lapse(tx, now_ms=now_ms)
    for released in ask.release:
        await release(tx, pledges.Claim(released, asker.terminal, ask.run), now_ms=now_ms)
    if await tx.row(VOID_RUN, asker.terminal, ask.run):
        return ClaimAnswer(gone=True)
    claim, locked = pledges.Claim(ask.redemption, asker.terminal, ask.run), await _locked(tx, ask)
    heard = await _known(tx, claim)
    if heard == "gone":
        return ClaimAnswer(gone=True)
    if heard == "held" and not ask.dry:
        return ClaimAnswer(granted=True)
    rooms, under = await _rooms(tx, asker, ask, (bounds, locked))
    known = await known_at_site(tx, asker.terminal, ask, {room.key: room.proved for room in rooms})
    answer = told(await _weigh(tx, rooms), rooms, under, known)
    if ask.dry or not ask.keys:
        return answer
    if answer.granted:
        keys = [(room.key, room.n) for room in rooms]
        if not await pledges.hold(tx, claim, keys, now_ms=now_ms):
            return ClaimAnswer(gone=True)
    elif answer.refused is not None:
        await pledges.forbid(tx, claim, now_ms=now_ms)
    return answer


def told(answer: ClaimAnswer, rooms: list[Room], under: dict[str, list[str]], known: Known) -> ClaimAnswer:
    """Return `answer` with what the asker did not know: his own that ended, what is left, what the site knows."""
    both = {key: sorted({*under.get(key, ()), *known.under.get(key, ())}) for key in {*under, *known.under}}
    return ClaimAnswer(
        granted=answer.granted,
        refused=answer.refused,
        doubtful=answer.doubtful,
        ended=sorted({one for ids in both.values() for one in ids}),
        under={key: ids[:MAX_ROWS] for key, ids in both.items()},
        left={room.key: room.left for room in rooms if room.bound != UNBOUNDED},
        site=known.site,
    )


async def release(tx: Tx, claim: pledges.Claim, *, now_ms: int) -> None:
    """Void what this terminal will never commit. Another's claim, and what facts have told, stay as they are."""
    if await tx.row(COMMITTED, claim.redemption) is not None:
        return
    standing = await pledges.standing(tx, claim.redemption)
    if standing is None and not await pledges.forbid(tx, claim, now_ms=now_ms):
        standing = await pledges.standing(tx, claim.redemption)  # its ask was answered this very moment
    if standing is not None and standing[1] == claim.terminal:
        await pledges.free(tx, claim.redemption, now_ms=now_ms)


async def _known(tx: Tx, claim: pledges.Claim) -> str:
    """Return held, gone, or nothing for an id that was never heard of; another terminal's is gone to everybody else.

    A lapsed claim is not renewed by asking.
    """
    own, anybody_s, ended, *standing = (await tx.rows(HEARD_OF, claim.redemption, claim.terminal))[0]
    if own is not None:
        return "gone" if own in WHOLE else "held"
    if anybody_s is not None or ended is not None:
        return "gone"
    if standing[0] is None:
        return ""
    return KNOWN[standing[0]] if standing[1] == claim.terminal else "gone"


async def _locked(tx: Tx, ask: ClaimRequest) -> Locked:
    """Return what is held and lapsed under each key, its rows locked in order: one ask of a key after the other."""
    rows = await tx.rows_many(pledges.PLEDGE, [(key, 0, 0) for key in sorted(one.key for one in ask.keys)])
    return {key: (held, lapsed) for key, held, lapsed in rows}


async def _rooms(
    tx: Tx, asker: Asker, ask: ClaimRequest, known: tuple[Bounds, Locked]
) -> tuple[list[Room], dict[str, list[str]]]:
    """Return the room under each key, whose rows are locked, and which of the asker's own were given back."""
    bounds, locked = known
    rooms, under = [], {}
    for one in sorted(ask.keys, key=lambda one: one.key):
        room = await _room(tx, one, bounds, locked[one.key], at_ms=ask.at_ms)
        facts, held, gone = await _own(tx, asker, one)
        if gone:
            under[one.key] = sorted(gone)
        rooms.append(replace(room, proved=room.proved + facts, live=room.live + facts + held))
    return rooms, under


async def _own(tx: Tx, asker: Asker, one: ClaimKey) -> tuple[int, int, set[str]]:
    """Return what the asker's own word adds to facts and to claims, and which of its living ones have ended."""
    facts, held, ended = 0, 0, set()
    for own, took in zip(one.mine, one.took or [1] * len(one.mine), strict=True):
        row = await tx.row(OWN, one.key, own)
        if row is not None and row[1] >= row[0] and row[2:] == ("annulled", asker.terminal):
            facts += row[0]  # it annulled that itself and says that it stands: somebody passed after all
        elif (row is None and await tx.row(ENDED, own)) or (row is not None and row[1] >= row[0]):
            ended.add(own)
        elif row is None:
            claimed = await tx.row(OWN_HELD, own, one.key, asker.terminal)
            facts += took if claimed is None else claimed[0]
            held -= 0 if claimed is None else claimed[0]
    for own in one.back:
        row = await tx.row(OWN_STANDING, one.key, own, asker.terminal)
        claimed = await tx.row(OWN_HELD, own, one.key, asker.terminal) if row is None else None
        facts -= 0 if row is None else row[0] - row[1]
        held -= 0 if claimed is None else claimed[0]
    return facts, held, ended


async def _room(tx: Tx, one: ClaimKey, bounds: Bounds, pledged: tuple[int, int], *, at_ms: int) -> Room:
    bound = _bound(one, bounds)
    spent, leased = (await tx.rows(SPENT_AND_LEASED, one.key))[0]
    rolling = window(one.key, at_ms)
    proved = int(spent or 0) if rolling is None else await spent_within(tx, one.key, rolling)
    held, lapsed = pledged
    return Room(one.key, one.n or one.fen or 0, bound, proved, proved + held + int(leased), lapsed)


def _bound(one: ClaimKey, bounds: Bounds) -> int:
    """Return the bound: of a nonce one, of what a token bears what it says, else the catalogue's.

    Of the asker's version of a benefit and ours the newer counts. What no catalogue here bounds (a foreign benefit, a
    version that is still to come) is counted, and denied nobody.
    """
    if one.key.startswith(NONCE):
        return 1
    if one.bound is not None:
        return one.bound
    if one.by is not None and bounds.is_older(one.by):
        return UNBOUNDED
    known = bounds.by(one.by) if one.by is not None else None
    if known is None:
        known = bounds.of(one.key)
    return UNBOUNDED if known is None else known


async def _weigh(tx: Tx, rooms: list[Room]) -> ClaimAnswer:
    by_verdict = {verdict: [one for one in rooms if one.verdict == verdict] for verdict in ("used", "held", "doubtful")}
    if by_verdict["used"]:
        return ClaimAnswer(refused=await _used(tx, by_verdict["used"][0]))
    if by_verdict["held"]:
        room = by_verdict["held"][0]
        return ClaimAnswer(refused=Refused(key=room.key, state="held", left=room.left))
    if by_verdict["doubtful"]:
        return ClaimAnswer(doubtful=[room.key for room in by_verdict["doubtful"]])
    return ClaimAnswer(granted=True)


async def _used(tx: Tx, room: Room) -> Refused:
    row = await tx.row(NEWEST, room.key)
    if row is None:
        return Refused(key=room.key, state="used", left=room.left)
    at_ms, terminal, site = row
    if any(part in room.key for part in (f"|{one}" for one in PRIVATE_HOLDERS)):
        return Refused(key=room.key, state="used", left=room.left, at_ms=at_ms)
    return Refused(key=room.key, state="used", left=room.left, at_ms=at_ms, site=site, terminal=terminal)
