"""The lists in SQLite: what is stored, and the one transaction that changes it (schema 0003).

Rules of this file:

- every function takes the connection of a transaction that its caller began; nothing here commits;
- floors and the newest issue time only rise, killed keys only grow: no statement here lowers or removes one.
"""

import sqlite3
from collections.abc import Iterable, Mapping

from cache.lists.values import Chain, Document, RoleState, Stored

ROLES = "SELECT role, version, body, issued_ms, confirmed_ms FROM list_role"
DOCUMENTS = "SELECT path, sha256, size FROM list_file WHERE role = ? ORDER BY number"
PUT_CHAIN = (
    "INSERT INTO list_chain (role, version, body) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body"
)
RAISE_FLOOR = (
    "INSERT INTO list_floor (role, keys, version) VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET version = max(version, excluded.version)"
)
PUT_ROLE = (
    "INSERT INTO list_role (role, version, body, issued_ms, confirmed_ms) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body, issued_ms = excluded.issued_ms,"
    " confirmed_ms = max(confirmed_ms, excluded.confirmed_ms)"
)
CONFIRM = "UPDATE list_role SET confirmed_ms = max(confirmed_ms, ?) WHERE role = ? AND version = ?"
PUT_PROBLEM = "INSERT INTO list_problem (role, at_ms, text) VALUES (?, ?, ?)"
KILL = "INSERT INTO list_killed (issuer, kid) VALUES (?, ?) ON CONFLICT DO NOTHING"


def stored(conn: sqlite3.Connection) -> Stored:
    """Return everything the store holds of the lists."""
    chain = conn.execute("SELECT role, version, body FROM list_chain ORDER BY version").fetchall()
    newest = {role: body for role, _version, body in chain}
    roles = {}
    for role, version, body, issued_ms, confirmed_ms in conn.execute(ROLES).fetchall():
        documents = tuple(Document(path=p, sha256=s, size=n) for p, s, n in conn.execute(DOCUMENTS, (role,)))
        roles[role] = RoleState(
            role=role, version=version, body=body, issued_ms=issued_ms, documents=documents, confirmed_ms=confirmed_ms
        )
    return Stored(
        roots={version: body for role, version, body in chain if role == "root"},
        timestamp=newest.get("timestamp"),
        snapshot=newest.get("snapshot"),
        targets=newest.get("targets"),
        roles=roles,
        floors={(role, keys): version for role, keys, version in conn.execute("SELECT * FROM list_floor")},
        killed=frozenset((issuer, bytes(kid)) for issuer, kid in conn.execute("SELECT * FROM list_killed")),
        problems=dict(conn.execute("SELECT role, text FROM list_problem").fetchall()),
        newest_ms=conn.execute("SELECT newest_ms FROM list_time").fetchone()[0],
    )


def targets(conn: sqlite3.Connection) -> bytes | None:
    """Return the verified `targets` in force, None where none is."""
    row = conn.execute("SELECT body FROM list_chain WHERE role = 'targets'").fetchone()
    return bytes(row[0]) if row else None


def put_chain(conn: sqlite3.Connection, chain: Chain) -> None:
    """Keep a verified chain, raise its floors, confirm the roles that it still names as newest, drop expelled ones."""
    conn.execute("DELETE FROM list_chain WHERE role <> 'root'")
    rows = [("root", version, body) for version, body in chain.roots.items()]
    rows += [("timestamp", chain.timestamp_version, chain.timestamp), ("snapshot", 1, chain.snapshot)]
    conn.executemany(PUT_CHAIN, [*rows, ("targets", 1, chain.targets)])
    conn.executemany(RAISE_FLOOR, [(role, keys, version) for (role, keys), version in chain.floors.items()])
    conn.execute("UPDATE list_time SET newest_ms = max(newest_ms, ?)", (chain.issued_ms,))
    for (role,) in conn.execute("SELECT role FROM list_role").fetchall():
        if role not in chain.cities:
            conn.execute("DELETE FROM list_role WHERE role = ?", (role,))
    conn.executemany(CONFIRM, [(chain.issued_ms, role, version) for role, version in chain.role_versions.items()])


def put_role(conn: sqlite3.Connection, state: RoleState) -> None:
    """Put one version of a role in force, with its documents."""
    conn.execute(PUT_ROLE, (state.role, state.version, state.body, state.issued_ms, state.confirmed_ms))
    conn.execute("DELETE FROM list_file WHERE role = ?", (state.role,))
    conn.executemany(
        "INSERT INTO list_file (role, number, path, sha256, size) VALUES (?, ?, ?, ?, ?)",
        [(state.role, at, one.path, one.sha256, one.size) for at, one in enumerate(state.documents)],
    )


def raise_floors(conn: sqlite3.Connection, floors: Mapping[tuple[str, str], int]) -> None:
    """Raise version floors; a lower one changes nothing."""
    conn.executemany(RAISE_FLOOR, [(role, keys, version) for (role, keys), version in floors.items()])


def put_problems(conn: sqlite3.Connection, problems: Mapping[str, str], *, at_ms: int) -> None:
    """Replace what is known to be wrong."""
    conn.execute("DELETE FROM list_problem")
    conn.executemany(PUT_PROBLEM, [(role, at_ms, text) for role, text in sorted(problems.items())])


def kill(conn: sqlite3.Connection, killed: Iterable[tuple[str, bytes]]) -> None:
    """Remember killed keys."""
    conn.executemany(KILL, sorted(killed))
