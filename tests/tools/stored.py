"""Databases as a program of then left them, kept for the programs of today to open.

    .venv/bin/python tests/tools/stored.py FOLDER

plays a town of real processes (a gate that lets in, annuls and refuses, in touch and cut off, and stops with facts that
nobody has signed for) and writes what the gate, its platform and the offices' register left, as `NAME-NN.sql.xz`: NN is
the schema's number. Those of earlier schemas were made so by the trees that had them, each with its own program.
"""

import asyncio
import importlib.util
import lzma
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).parent
ASKS = 30


def stored(folder, name):
    """Return the files of `name` in `folder` by the number of their schema."""
    return {int(path.name.split("-")[1].partition(".")[0]): path for path in folder.glob(f"{name}-*.sql.xz")}


def laid_down(file, database):
    """Make the database that a file holds; return its path."""
    with closing(sqlite3.connect(database)) as conn:
        conn.executescript(lzma.decompress(file.read_bytes()).decode())
    return database


def keep(database, folder, name):
    """Write a database down, its schema's number last."""
    with closing(sqlite3.connect(database)) as conn:
        number = conn.execute("PRAGMA user_version").fetchone()[0]
        text = "\n".join([*conn.iterdump(), f"PRAGMA user_version = {number};", ""])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{number:02}.sql.xz"
    path.write_bytes(lzma.compress(text.encode(), preset=9))
    print(path, path.stat().st_size)


async def visit(town, who, step=None):
    """Let somebody show a code until a busy machine's disk let it be decided, and take it one step."""
    for _ in range(ASKS):
        answer = await town.gate.present(who.code(town.now_s()), intent="enter", ticket="adult")
        if answer["outcome"] != "REFER":
            break
    if step is not None:
        await town.gate.step(answer["redemption"], step)
    return answer["outcome"]


async def play(town):
    """Let in, annul, refuse; the same once more cut off; then stop, the platform too."""
    people = [town.visitors.resident(town.now_s()) for _ in range(4)]
    await town.gate.start()
    said = [await visit(town, people[0], "passed"), await visit(town, people[1], "annul"), await visit(town, people[0])]
    await town.all_arrived()
    town.network.cut()
    said += [await visit(town, people[2], "passed"), await visit(town, people[3], "annul")]
    said += [await visit(town, people[0])]
    await town.gate.process.stop()
    town.network.restore()
    await town.platform.process.stop()
    if said != ["GRANT", "GRANT", "STANDARD"] * 2:
        raise SystemExit(f"the visitors were answered {said}")


def builder():
    """Return the town's builder of this tree."""
    spec = importlib.util.spec_from_file_location("town_of_processes", HERE.parent / "processes/conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def main(folder):
    with tempfile.TemporaryDirectory() as place:
        async with builder().started_town(Path(place)) as town:
            await play(town)
            keep(town.gate.database, folder, "terminal")
            for name, database in (("platform", "central.db"), ("register", "registry.db")):
                keep(town.platform.state / database, folder, name)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1]))
    asyncio.run(main(Path(sys.argv[1])))
