"""The schema of a PostgreSQL, step by step, by one process at a time."""

from typing import Final

import asyncpg

from storage.migrations import Schema, SchemaTooNewError, Step, steps

LONGEST_S: Final = 24 * 3600.0  # a schema file may rewrite each of a hundred million rows
HAVE: Final = "SELECT coalesce(max(number), 0) FROM schema_version"
MADE: Final = "SELECT to_regclass('schema_version') IS NOT NULL"
VERSIONS: Final = "CREATE TABLE IF NOT EXISTS schema_version (number BIGINT PRIMARY KEY)"
MIGRATION_LOCK: Final = 0x78696E67  # "xing": one process migrates at a time


async def migrate(conn: asyncpg.Connection, schema: Schema) -> None:
    """Bring the database up to this program's schema; whoever comes meanwhile waits. Raises SchemaTooNewError."""
    every = steps(schema)
    if await conn.fetchval(MADE) and not await _lacking(conn, every):
        return
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK, timeout=LONGEST_S)
        await conn.execute(VERSIONS)
        for step in await _lacking(conn, every):
            await conn.execute(step.sql, timeout=LONGEST_S)
            await conn.execute("INSERT INTO schema_version VALUES ($1)", step.number)


async def _lacking(conn: asyncpg.Connection, every: tuple[Step, ...]) -> tuple[Step, ...]:
    have = await conn.fetchval(HAVE)
    if have > len(every):
        raise SchemaTooNewError(f"database schema {have} is newer than this program's {len(every)}")
    return every[have:]
