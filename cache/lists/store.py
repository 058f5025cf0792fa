"""Taking verified lists into force, and keeping them over power cuts (lists.md).

Rules of this file:

- what `sync.pull.verify` verified comes in, is read whole, and is switched in one transaction (synchronous=FULL):
  chain, floors, documents, killed keys and the journal's `lists_changed` together;
  then the view is replaced in one step;
- a role whose content does not say what it must stays at its old version, and the error is kept, shown and journalled
  once; other roles go on;
- `current` is never half of anything; readers take it and never lock;
- the shop's own offers change in one transaction too, and are in every view that follows.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar

from cache.lists import rows
from cache.lists.content import Content, is_keyed, open_lists, open_role
from cache.lists.files import DocumentRefusedError, ListFiles
from cache.lists.index import MEASURES, MEMBERS
from cache.lists.keyed import Listed
from cache.lists.refusals import BrokenChainError, ContentRefusedError
from cache.lists.trusted import TrustedLists
from cache.lists.values import Chain, RoleState, Stored, Verified
from cache.offers.own import NO_OFFERS, OwnOffers, Shop, offers_of
from cache.pen import Pen
from credit.inputs import Now
from credit.rules.reading import short
from storage.sqlite import Job, Store

CHANGED = "lists_changed"
MAX_TOLD = 64  # roles in one fact

log = logging.getLogger("xinguan.lists")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What taking in a refresh changed: versions by role (None: dropped), and what is wrong, by role.

    `astray`: roles whose deltas did not lead to what was signed; their base does.
    """

    versions: Mapping[str, int | None]
    problems: Mapping[str, str]
    astray: frozenset[str] = frozenset()


class ListStore:
    """The lists of one terminal in the city `home`. Call `restore` with what verified again before serving.

    `shop` says whose own offers join them; without one there are none.
    """

    def __init__(
        self, store: Store, files: ListFiles, *, home: str, ids: Callable[[int], str], shop: Shop | None = None
    ) -> None:
        self.files = files
        self._store = store
        self._home = home
        self._shop = shop
        self._own: OwnOffers = NO_OFFERS
        self._ids = ids
        self._current = TrustedLists()
        self._hurt: dict[str, str] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def current(self) -> TrustedLists:
        """The lists in force now."""
        return self._current

    async def stored(self) -> Stored:
        """Return what the store holds: the memory that a verification starts from."""
        return await self._store.read(rows.stored)

    async def restore(self, stored: Stored, verified: Iterable[RoleState], *, problems: Mapping[str, str]) -> None:
        """Put what the store holds, and what verified again without a network, in force. Writes nothing."""
        contents: dict[str, Content] = {}
        states: dict[str, RoleState] = {}
        wrong = {**stored.problems, **problems}
        for state in verified:
            try:
                contents[state.role] = await self._read(state, None, fresh=False)
                states[state.role] = state
            except (ContentRefusedError, DocumentRefusedError, OSError) as error:
                wrong[state.role] = str(error)
        self._own = await self._read_own()
        joined = TrustedLists.of(contents, states, home=self._home, killed=stored.killed, own=self._own)
        self._current = replace(joined, problems=MappingProxyType(wrong), newest_ms=stored.newest_ms)

    async def change_offers(self, job: Job[T]) -> T:
        """Run `job`, which changes the own offers; put them in force. Raises StoreFailedError, or the job's own."""
        async with self._one_at_a_time:
            done = await self._store.write(job)
            self._own = await self._read_own()
            self._current = self._current.with_offers(self._own, home=self._home)
            return done

    async def _read_own(self) -> OwnOffers:
        shop = self._shop
        return NO_OFFERS if shop is None else await self._store.read(lambda conn: offers_of(conn, shop))

    @property
    def listed(self) -> Mapping[tuple[str, str], Listed]:
        """The key files in force, by role and list."""
        found = {}
        for role, content in self._current.contents.items():
            for name, one in ((MEASURES, content.measures), (MEMBERS, content.members)):
                if isinstance(one, Listed):
                    found[role, name] = one
        return found

    @property
    def hurt(self) -> Mapping[str, str]:
        """What is known to be damaged of lists in force, by role."""
        return self._hurt

    def unreadable(self, role: str, text: str) -> None:
        """Note that a list in force cannot be read any more; it is a problem until it was healed or fetched again."""
        if role not in self._hurt:
            log.error("list_unreadable", extra={"role": role, "problem": text})
            self._hurt[role] = f"damaged on disk: {short(text)}"
            self._tell({**self._current.problems, **self._hurt})

    def healed(self, role: str) -> None:
        """Note that a list can be read again: every bucket was looked at."""
        self._hurt.pop(role, None)
        self._tell({one: text for one, text in self._current.problems.items() if one != role})

    def let_go(self, role: str) -> None:
        """Give a role up whose files cannot be mended: until they were fetched again nothing is known of its city."""
        current = self._current
        contents = {one: content for one, content in current.contents.items() if one != role}
        states = {one: state for one, state in current.states.items() if one != role}
        joined = TrustedLists.of(contents, states, home=self._home, killed=current.keyring.killed, own=self._own)
        self._current = replace(joined, problems=current.problems, newest_ms=current.newest_ms)
        self._hurt.pop(role, None)

    def _tell(self, problems: Mapping[str, str]) -> None:
        self._current = replace(self._current, problems=MappingProxyType(dict(problems)))

    async def take_in(self, verified: Verified, *, at_ms: int, more_to_come: bool = False) -> Change:
        """Switch to what verified; return what changed. Raises StoreFailedError, and then nothing changed.

        With `more_to_come`, a stage that changes nothing is left for the next one to commit.
        """
        chain = verified.chain
        async with self._one_at_a_time:
            before = self._current
            contents = {role: one for role, one in before.contents.items() if role in chain.cities}
            states = {role: _confirmed(before.states[role], chain) for role in contents}
            wrong, astray = dict(verified.problems), set()
            for state in verified.roles:
                try:
                    contents[state.role] = await self._content(state, before)
                    states[state.role] = replace(state, confirmed_ms=chain.issued_ms)
                except (ContentRefusedError, DocumentRefusedError) as error:
                    wrong[state.role] = str(error)
                    astray |= {state.role} if isinstance(error, BrokenChainError) else set()
            self._hurt = {role: text for role, text in self._hurt.items() if role in contents}
            wrong |= self._hurt
            newest_ms = max(before.newest_ms, chain.issued_ms)
            joined = TrustedLists.of(contents, states, home=self._home, killed=before.keyring.killed, own=self._own)
            after = replace(joined, problems=MappingProxyType(wrong), newest_ms=newest_ms)
            change = replace(_difference(before, after), astray=frozenset(astray))
            if more_to_come and not change.versions and before.problems == after.problems:
                return change
            moved = _moved(before, after)
            await self._store.write(self._switch(verified, after, change, moved, at_ms=at_ms))
            self._current = after
            self.files.keep_only({one.sha256 for state in states.values() for one in state.documents})
            return change

    def _switch(
        self, verified: Verified, after: TrustedLists, change: Change, moved: Iterable[RoleState], *, at_ms: int
    ) -> Callable[[sqlite3.Connection], None]:
        def job(conn: sqlite3.Connection) -> None:
            rows.put_chain(conn, verified.chain)
            rows.raise_floors(conn, verified.floors)
            for state in moved:
                rows.put_role(conn, state)
            rows.put_problems(conn, after.problems, at_ms=at_ms)
            rows.kill(conn, after.keyring.killed)
            if change.versions or change.problems:
                Pen(conn, Now(utc_ms=at_ms), self._ids).fact(CHANGED, _body(change))

        return job

    async def _content(self, state: RoleState, before: TrustedLists) -> Content:
        held = before.states.get(state.role)
        if held is not None and held.documents == state.documents:
            return before.contents[state.role]
        return await self._read(state, before.contents.get(state.role), fresh=True)

    async def _read(self, state: RoleState, held: Content | None, *, fresh: bool) -> Content:
        return await asyncio.to_thread(self._open, state, held, fresh=fresh)

    def _open(self, state: RoleState, held: Content | None, *, fresh: bool) -> Content:
        """Read a role's documents; whatever a city's words make this raise is that role's problem and nobody else's."""
        try:
            if is_keyed(state):
                return open_lists(state, self.files, held=held, fresh=fresh)
            return open_role(state.role, {one.path: self.files.read(one.sha256) for one in state.documents})
        except (ContentRefusedError, DocumentRefusedError, OSError):
            raise
        except Exception as error:
            log.exception("content_unforeseen", extra={"role": state.role})
            raise ContentRefusedError(f"{state.role}: cannot be read ({type(error).__name__}: {error})") from error


def _confirmed(state: RoleState, chain: Chain) -> RoleState:
    newest = chain.role_versions.get(state.role) == state.version
    return replace(state, confirmed_ms=max(state.confirmed_ms, chain.issued_ms)) if newest else state


def _moved(before: TrustedLists, after: TrustedLists) -> list[RoleState]:
    """Return the roles whose version or files are others than before."""
    states = [(before.states.get(role), state) for role, state in after.states.items()]
    return [new for old, new in states if old is None or (old.version, old.documents) != (new.version, new.documents)]


def _difference(before: TrustedLists, after: TrustedLists) -> Change:
    versions: dict[str, int | None] = {
        role: version for role, version in after.versions.items() if before.versions.get(role) != version
    }
    versions |= dict.fromkeys(before.versions.keys() - after.versions.keys())
    problems = {role: text for role, text in after.problems.items() if before.problems.get(role) != text}
    return Change(versions=versions, problems=problems)


def _body(change: Change) -> dict[str, Any]:
    """Return what the journal keeps of a change: of somebody else's words, MAX_TOLD roles at most and short ones."""
    problems = {short(role): short(text) for role, text in sorted(change.problems.items())[:MAX_TOLD]}
    versions = dict(sorted(change.versions.items())[:MAX_TOLD])
    left_out = max(0, len(change.problems) - MAX_TOLD) + max(0, len(change.versions) - MAX_TOLD)
    return {"versions": versions, "problems": problems} | ({"left_out": left_out} if left_out else {})
