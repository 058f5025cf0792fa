"""Coroutine jobs on PostgreSQL 15: the contract of `storage.jobs`, kept by a pool of connections.

1. A job runs at READ COMMITTED on one connection. What the database calls a serialization failure or a deadlock is run
   again, RETRIES times; jobs may run twice (contract 2) and lock rows in one order, so this is rare.
2. A COMMIT that was not confirmed by the standbys that are named is not a COMMIT: PostgreSQL then warns "canceling wait
   for synchronous replication" and says success. We listen, and tell nobody "done".
3. Reading is REPEATABLE READ READ ONLY: one state, no lock that a writer would wait for.
4. Hosts are tried side by side, HOST_S each (a hung first host would otherwise hold everybody up; the only one there is
   has ONLY_HOST_S), and the one that takes writes on the highest timeline is used. A server on a lower timeline than we
   have ever seen is an old primary that came back: it is refused, whatever it says of itself.
5. A hung server says nothing, and its callers would wait for a statement's whole time. So while a statement takes
   longer than SLOW_S, the hosts are asked again; once one on a higher timeline takes writes, every connection to the
   old one is dropped, and what waited on it begins anew.
6. Whatever breaks on a connection ends that connection; the next job makes a new one.
7. Writes that wait are grouped (`storage.groups`), but for those with a deadline: a claim waits for no batch.
8. A many-rows INSERT goes over as arrays (`unnest`): one statement a batch instead of one a row.
9. A statement of a write is planned once a connection and finds its one partition when it is run: planned for its
   values, each cost 100 µs before it began. Reading, which asks for spans and orders, is planned for its values.
   Such a plan outlives the size that its tables had: one of a few rows would be read from end to end, also later.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar

import asyncpg

from storage.groups import Groups
from storage.jobs import StoreFailedError, Tx, TxJob
from storage.migrations import Schema
from storage.places import Place, Places
from storage.postgres_tx import GONE, AgainError, PostgresTx, Shapes, translated, undo
from storage.servers.schema import migrate
from storage.threads.waiting import Ran, Waiting, withdrawn

log = logging.getLogger("storage.postgres")

T = TypeVar("T")
POOL: Final = 8  # connections of one process
RETRIES: Final = 3
HOST_S: Final = 1.0
ONLY_HOST_S: Final = 5.0  # where there is no other: giving up early helps nobody, a busy machine takes seconds
STATEMENT_S: Final = 10.0
SETTINGS: Final = {
    "jit": "off",  # compiling the page of three terminals took the server a hundred times its answer
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",  # where an index serves
}
STATEMENTS: Final = 250  # that a connection keeps prepared
WRITING: Final = "BEGIN"
READING: Final = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = auto; SET LOCAL enable_seqscan = on"
)
SLOW_S: Final = 0.5
LOOK_S: Final = 0.25
SURE_S: Final = 10.0
UNCONFIRMED: Final = "synchronous replication"
# The timeline of a server that takes writes, NULL for a standby. The last checkpoint's would lag behind a promotion.
TIMELINE: Final = (
    "SELECT CASE WHEN NOT pg_is_in_recovery()"
    " THEN ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END"
)


class PostgresJobs:
    """`storage.jobs.JobStore` on PostgreSQL. Enter it to connect and migrate; leave it to finish and close.

    `url` is postgresql://user:password@host:port,host:port/database, or with ?host=/folder for a local socket.
    Raises on entering: `SchemaTooNewError`, `StoreFailedError`.
    """

    def __init__(self, url: str, schema: Schema) -> None:
        self._places = Places.parse(url)
        self._schema = schema
        self._idle: list[asyncpg.Connection] = []
        self._free = asyncio.Semaphore(POOL)
        self._tasks: set[asyncio.Task[None]] = set()
        self._groups = Groups(self)
        self._shapes = Shapes()
        self._timeline = 0
        self._busy: dict[asyncpg.Connection, float] = {}  # since when, by the loop's time
        self._sure: tuple[Place, float] | None = None  # who was just found to be promoted, and until when that counts
        self._watch: asyncio.Task[None] | None = None
        self._held: dict[str, asyncpg.Connection] = {}
        self._unconfirmed: set[int] = set()  # connections whose last COMMIT no standby confirmed
        self._open = False

    async def __aenter__(self) -> Self:
        with translated():
            conn = await self._connect()
        with translated():
            await migrate(conn, self._schema)
        self._idle.append(conn)
        self._open = True
        if len(self._places.all) > 1:
            self._watch = asyncio.get_running_loop().create_task(self._watched())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._open = False
        await self._groups.finish()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        if self._tasks:
            await asyncio.wait(self._tasks)
        for conn in (*self._idle, *self._held.values()):
            with contextlib.suppress(asyncpg.PostgresError, *GONE):
                await conn.close(timeout=HOST_S)
        self._idle.clear()
        self._held.clear()

    async def write(self, job: TxJob[T], *, before: float | None = None) -> T:
        """Run `job` as one transaction; return its result once it is committed, on the named standbys as well."""
        if not self._open:
            raise StoreFailedError("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        waiting = Waiting(job, loop, future, before)
        if before is None:
            self._groups.put(waiting)
            return await future
        task = loop.create_task(self._work(waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        timer = loop.call_at(before, waiting.expire)
        try:
            return await future
        finally:
            timer.cancel()

    async def read(self, job: TxJob[T]) -> T:
        """Run `job` on one consistent view."""
        if not self._open:
            raise StoreFailedError("the store is closed")
        async with self._connection() as conn:
            return await self._transact(conn, job, READING)

    async def transacted(self, job: Callable[[Tx], Awaitable[Any]], *, locked: str = "") -> Any:
        """Run `job` as one transaction that begins with the statement `locked`, once."""
        async with self._connection() as conn:
            return await self._transact(conn, job, f"{WRITING}; {locked}")

    async def repeated(self, job: Callable[[Tx], Awaitable[Any]], *, locked: str = "") -> Any:
        """Run `job` as one transaction that begins with the statement `locked`, again where the database asks to."""
        async with self._connection() as conn:
            return await self._again(conn, job, f"{WRITING}; {locked}")

    async def hold(self, name: str) -> bool:
        """Return whether this process alone holds `name` now, taking it if nobody does. Lost with its connection."""
        conn = self._held.get(name)
        with translated():
            if conn is not None and not conn.is_closed():
                await conn.fetchval("SELECT 1")
                return True
            conn = await self._connect()
            self._held[name] = conn
            return bool(await conn.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", name)) or self._let_go(name)

    def _let_go(self, name: str) -> bool:
        self._held.pop(name).terminate()
        return False

    async def _work(self, waiting: Waiting) -> None:
        """Run a job in a task of its own, so that a caller who leaves does not take it along."""
        try:
            async with self._connection() as conn:
                if not waiting.begin():
                    waiting.tell(withdrawn())
                    return
                waiting.tell(Ran(result=await self._again(conn, waiting.job)))
        except Exception as error:  # noqa: BLE001 - handed to the job's caller, whoever it is
            waiting.tell(Ran(error=error))

    async def _again(self, conn: asyncpg.Connection, job: Callable[[Tx], Awaitable[T]], begin: str = WRITING) -> T:
        for _ in range(RETRIES):
            try:
                return await self._transact(conn, job, begin)
            except AgainError:
                continue
        return await self._transact(conn, job, begin)

    async def _transact(self, conn: asyncpg.Connection, job: Callable[[Tx], Awaitable[T]], begin: str) -> T:
        try:
            with translated():
                await conn.execute(begin)
            result = await job(PostgresTx(conn, self._shapes))
        except BaseException:
            await undo(conn)
            raise
        self._unconfirmed.discard(id(conn))
        with translated():
            if await conn.execute("COMMIT") != "COMMIT":  # a job went on after what had ended its transaction
                raise StoreFailedError("the store had given the transaction up")
        if id(conn) in self._unconfirmed:
            conn.terminate()
            raise StoreFailedError("no standby confirmed it; it may or may not stand")
        return result

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        async with self._free:
            with translated():
                conn = await self._usable()
            self._busy[conn] = asyncio.get_running_loop().time()
            try:
                yield conn
            except StoreFailedError as error:
                if not isinstance(error, AgainError) and conn.is_closed():
                    self._forget_idle()
                raise
            finally:
                del self._busy[conn]
                if not conn.is_closed():
                    self._idle.append(conn)

    async def _usable(self) -> asyncpg.Connection:
        while self._idle:
            conn = self._idle.pop()
            if not conn.is_closed():
                return conn
        return await self._connect()

    async def _watched(self) -> None:
        """Look whether somebody else takes writes by now, whenever a statement takes long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            if any(loop.time() - began > SLOW_S for began in self._busy.values()):
                try:
                    await self._look_around()
                except Exception:  # whatever it is: a watch that ended would be missed at the next failover
                    log.exception("the hosts could not be looked at")

    async def _look_around(self) -> None:
        """Ask every host; drop what hangs on an older server as soon as a newer one answers."""

        async def asked(place: Place) -> tuple[Place, int, asyncpg.Connection]:
            return place, *await self._ask(place)

        for answer in asyncio.as_completed([asyncio.ensure_future(asked(place)) for place in self._places.all]):
            try:
                place, timeline, conn = await answer
            except (StoreFailedError, asyncpg.PostgresError, *GONE):
                continue
            if timeline > self._timeline:
                self._timeline, self._sure = timeline, (place, asyncio.get_running_loop().time() + SURE_S)
                for old in (*self._busy, *self._idle, *self._held.values()):
                    old.terminate()
                self._idle = [conn]
            else:
                conn.terminate()

    def _forget_idle(self) -> None:
        """Drop every idle connection: the server behind them is probably gone."""
        for conn in self._idle:
            conn.terminate()
        self._idle.clear()

    async def _connect(self) -> asyncpg.Connection:
        """Return a connection to the server that takes writes; raise StoreFailedError.

        Who was just found to be promoted is asked alone: the one that hangs would cost a second each time.
        """
        if self._sure is not None and asyncio.get_running_loop().time() < self._sure[1]:
            with contextlib.suppress(StoreFailedError, asyncpg.PostgresError, *GONE):
                timeline, conn = await self._ask(self._sure[0])
                if timeline >= self._timeline:
                    return conn
                conn.terminate()
        answers = await asyncio.gather(*(self._ask(place) for place in self._places.all), return_exceptions=True)
        found = [one for one in answers if not isinstance(one, BaseException)]
        best = max(found, key=lambda one: one[0], default=None)
        for timeline, conn in found:
            if best is None or conn is not best[1] or timeline < self._timeline:
                conn.terminate()
        if best is None or best[0] < self._timeline:
            causes = "; ".join(str(one) or type(one).__name__ for one in answers if isinstance(one, BaseException))
            raise StoreFailedError(f"no database server takes writes ({causes or 'an old primary came back'})")
        self._timeline = best[0]
        return best[1]

    async def _ask(self, place: Place) -> tuple[int, asyncpg.Connection]:
        most_s = HOST_S if len(self._places.all) > 1 else ONLY_HOST_S
        conn = await asyncpg.connect(
            **place.arguments,
            timeout=most_s,
            command_timeout=STATEMENT_S,
            server_settings=SETTINGS,
            statement_cache_size=STATEMENTS,
        )
        try:
            async with asyncio.timeout(most_s):
                timeline = await conn.fetchval(TIMELINE)
        except BaseException:
            conn.terminate()
            raise
        if timeline is None:
            conn.terminate()
            raise StoreFailedError(f"{place.name} is a standby")
        conn.add_log_listener(self._listen)
        return int(timeline), conn

    def _listen(self, conn: asyncpg.Connection, message: asyncpg.PostgresLogMessage) -> None:
        if UNCONFIRMED in str(message.message):
            self._unconfirmed.add(id(conn))
