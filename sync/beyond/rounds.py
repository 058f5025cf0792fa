"""Asking whoever counts beyond this terminal: what to ask, and what an answer means (claims.md, gate 1 to 9). Pure.

The hard idea: a claim is provisional. Only the fact that the journal then carries takes a place; so an id that was
asked for is either committed by its fact or released, never both, and an answer that was lost costs nothing but time.

Rules of this file:

- no I/O and no clock: `Rounds` says what to ask next and takes in what was heard; whoever drives it has the network;
- only keys that count beyond this terminal are claimed, and only those that the decision would take;
- at most MAX_ROUNDS asks, each under a new id; a refusal becomes something known, and the decision is made again;
- silence, an error, a hub that is still learning: this terminal goes alone under the id it asked for, as if offline.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from cache.ledger.permit import ClaimWord, Dry, Known, Leased, Permit, ToldInside
from cache.ledger.visit import Visit
from cache.pen import Ids
from credit.decision import Reach, Source, Sum, Use
from credit.facts import NonceUse, Used
from credit.inputs import ASKING, ENDING, Now
from credit.reasons import Outcome, Reason
from sync.beyond.answers import ended_of, known_of
from sync.wire.claims import MAX_ROWS, NONCE_PREFIX, About, ClaimAnswer, ClaimKey, ClaimRequest, Refused

MAX_ROUNDS: Final = 3
BUDGET_S: Final = 0.15  # all rounds together
# reasons that an ending at another gate may have made untrue
ROOM: Final = frozenset({Reason.LIMIT_USED, Reason.FULL, Reason.OUT_OF_STOCK})
OWN_COUNTS: Final = ROOM | {Reason.ALREADY_OPEN, Reason.ALREADY_INSIDE, Reason.OVERDUE}
BORNE: Final = frozenset({"printed", "grant", "order"})
PASS_HOLDER: Final = "i|pass:"  # one holder, who may have left anywhere meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks: this start of the terminal, the hub's number, its terminal id, list versions, and how ids are made.

    `hub` False: whom it asks is the platform, which counts no nonce for its own sake (claims.md 11).
    """

    run: str
    hub_no: int
    terminal: str
    ids: Ids
    hub: bool = True
    versions: Mapping[str, int] = field(default_factory=dict)


def nonce_key(visit: Visit) -> str | None:
    """Return the key of the nonce that a grant burns, None for paper."""
    burns = visit.token.burns
    return None if burns is None else f"{NONCE_PREFIX}{visit.token.issuer}:{visit.token.token_id.hex()}:{burns.hex()}"


def wide_keys(visit: Visit, dry: Dry, *, nonce_alone: bool = True) -> list[ClaimKey]:
    """Return what a decision would take that counts beyond this terminal, its nonce first.

    `nonce_alone`: the nonce is asked for also where nothing else is.
    """
    taken = dry.decision.consumption
    asked: list[Use | Sum] = [*taken.uses, *taken.sums]
    if taken.pass_root is not None:
        heads = visit.request.heads
        key = f"p|{taken.pass_root}"
        asked.append(Use(key, heads, taken.pass_entries, reach=taken.pass_reach, source=taken.pass_source))
    found = [_key(one, one.source, dry) for one in asked if is_wide(one) and one.source]
    nonce = nonce_key(visit) if nonce_alone or found else None
    return found if nonce is None else [ClaimKey(key=nonce, n=1), *found]


def is_wide(one: Use | Sum) -> bool:
    """Return whether somebody beyond this terminal has the count, and it can be full."""
    counted = one.limit is not None or (one.source is not None and one.source.part == "inside")
    leased = isinstance(one, Use) and one.leased  # a key is either leased or claimed
    return one.reach is not Reach.TERMINAL and counted and not leased


def _key(one: Use | Sum, source: Source, dry: Dry) -> ClaimKey:
    n, fen = (one.n, None) if isinstance(one, Use) else (None, one.fen)
    mine = dry.mine.get(one.key, ())[:MAX_ROWS]
    asked: dict[str, Any] = {
        "key": one.key,
        "n": n,
        "fen": fen,
        "since_ms": one.since_ms,
        "mine": [redemption for redemption, _ in mine],
        "took": [n for _, n in mine],
        "back": list(dry.back.get(one.key, ()))[:MAX_ROWS],
    }
    if source.part in BORNE:
        asked |= {"bound": one.limit, "borne": source.part}
    else:
        asked["by"] = source._asdict()
    return msgspec.convert(asked, ClaimKey)


class Rounds:
    """The asks about one visit. Drive it: `ask` with each dry decision, `hear` each answer, then take `permit`."""

    def __init__(self, asker: Asker, visit: Visit, now: Now, inside: Mapping[str, ToldInside] | None = None) -> None:
        self._asker = asker
        self._visit = visit
        self._now = now
        self._asked: ClaimRequest | None = None
        self._rounds = 0
        self._claimed: list[str] = []
        self._given_up: list[str] = []
        self._own_inside: Mapping[str, int] = {}
        self.inside: dict[str, ToldInside] = dict(inside or {})  # what was last told of who is inside
        self.permit = Permit(hub_no=asker.hub_no, known=Known(), for_site=asker.hub)

    @classmethod
    def alone(cls, asker: Asker, now: Now) -> Permit:
        """Return the permit of a terminal that nobody answers."""
        return Permit(hub_no=asker.hub_no, claim=ClaimWord.ALONE, alone_since_ms=now.utc_ms)

    @property
    def asked(self) -> tuple[str, ...]:
        """The ids under which something may be held now: asked for, and not said to be refused or gone."""
        return (*self._claimed, *self._given_up)

    def ask(self, dry: Dry, release: Iterable[str] = ()) -> ClaimRequest | None:
        """Return what to ask, None when nothing is wanted of anybody or nothing more may be asked."""
        ending = self._visit.request.intent in ENDING
        wanted = dry.decision.outcome is Outcome.GRANT and dry.decision.repeats is None and not ending
        keys = wide_keys(self._visit, dry, nonce_alone=self._asker.hub) if wanted else []
        held = {one.key for one in keys} <= self.permit.keys and self.permit.redemption is not None
        reads = self._rounds == 0 and (ending or not OWN_COUNTS.isdisjoint(dry.decision.reasons))
        if self._rounds == MAX_ROUNDS or held or not (keys or reads):
            return None
        self._rounds += 1
        self._own_inside = dry.inside
        self._given_up += self._claimed  # it wants something else now, under another id
        self._claimed.clear()
        self._asked = ClaimRequest(
            run=self._asker.run,
            hub_no=self._asker.hub_no,
            redemption=self._asker.ids(self._now.utc_ms),
            at_ms=self._now.utc_ms,
            keys=keys,
            about=self._about(),
            dry=self._visit.request.intent in ASKING,
            release=[*self._given_up, *release][:MAX_ROWS],
            versions=dict(self._asker.versions),
        )
        if keys and not self._asked.dry:
            self._claimed.append(self._asked.redemption)
        return self._asked

    def _about(self) -> About:
        """Return whom or what the site is asked about: what is named, else the holder."""
        request, token = self._visit.request, self._visit.token
        if request.intent in ENDING and request.asset is not None:
            return About(asset=request.asset)
        if request.intent in ENDING and request.redemption is not None:
            return About(redemption=request.redemption)
        return About(subject=f"{token.issuer}:{token.subject.hex()}")

    def hear(self, answer: ClaimAnswer) -> bool:
        """Take in an answer; return whether that is all, else decide and ask again."""
        asked = self._asked
        if asked is None:
            raise AssertionError("nothing was asked")
        before, ended = self.permit.known or Known(), self.permit.ended
        known = known_of(before, answer, asked)
        passes = self.permit.elsewhere | {one.redemption for one in answer.site.passes if one.elsewhere}
        self.permit = replace(self.permit, known=known, ended=ended_of(ended, answer), elsewhere=passes)
        told = {key: n for key, n in answer.site.inside.items() if not key.startswith(PASS_HOLDER)}
        self.inside |= {key: ToldInside(n, self._own_inside.get(key, 0)) for key, n in told.items()}
        if not answer.learning:
            self._given_up.clear()
        if (answer.refused is not None or answer.gone) and asked.redemption in self._claimed:
            self._claimed.remove(asked.redemption)  # nothing is held under it, and never will be
        if answer.refused is not None:
            self._refuse(answer.refused)
        if answer.refused is not None or answer.gone:
            return False
        if answer.granted:
            self._grant(asked, reach_all=answer.reach == "all")
            # what was begun or ended elsewhere makes another decision of it
            return (before.passes, ended) == (known.passes, self.permit.ended)
        if answer.doubtful:
            self.permit = replace(self.permit, claim=ClaimWord.DOUBTFUL, alone_since_ms=self._now.utc_ms)
        else:  # it is learning
            self.silent()
        return True

    def lease(self, quota: str, leased: Leased) -> None:
        """Note that this terminal's share of a quota has room for this visit."""
        self.permit = replace(self.permit, leases={**self.permit.leases, quota: leased})

    def no_room(self, quota: str, *, held: bool = False, silent: bool = False) -> None:
        """Note that a quota has no room here: used up, leased to others (`held`), or nobody answers (`silent`)."""
        known = self.permit.known or Known()
        used = {**known.used, quota: Used(n=0, left=0, held=held, silent=silent)}
        self.permit = replace(self.permit, known=replace(known, used=used))

    def silent(self) -> None:
        """Note that nobody answers: this terminal goes alone, under the id it asked for."""
        asked = self._asked
        self.permit = replace(
            self.permit,
            claim=ClaimWord.ALONE,
            redemption=asked.redemption if asked and not asked.dry and asked.keys else None,
            alone_since_ms=self._now.utc_ms,
            inside=self.inside,
        )

    def _grant(self, asked: ClaimRequest, *, reach_all: bool) -> None:
        holds = bool(asked.keys) and not asked.dry
        known = replace(self.permit.known or Known(), site_reached=True)
        self.permit = replace(
            self.permit,
            claim=ClaimWord.HELD if reach_all else ClaimWord.SITE,
            redemption=asked.redemption if holds else None,
            keys=frozenset(one.key for one in asked.keys),
            known=known,
            alone_since_ms=None if reach_all else self._now.utc_ms,
        )

    def _refuse(self, refused: Refused) -> None:
        known, held = self.permit.known or Known(), refused.state == "held"
        where = None if refused.site is None else f"{refused.site}/{refused.terminal or ''}".rstrip("/")
        if refused.key.startswith(NONCE_PREFIX):
            same = refused.terminal == self._asker.terminal
            nonce = NonceUse(same_lane=same, at_ms=refused.at_ms or self._now.utc_ms, where=where or "", held=held)
            known = replace(known, nonce=nonce)
        else:
            full = Used(n=0, at_ms=refused.at_ms, where=where, left=refused.left, held=held)
            known = replace(known, used={**known.used, refused.key: full})
        word = {
            "key": refused.key,
            "with": {"site": refused.site, "terminal": refused.terminal, "at_ms": refused.at_ms},
        }
        self.permit = replace(self.permit, claim=ClaimWord.HELD, known=known, word=word)
