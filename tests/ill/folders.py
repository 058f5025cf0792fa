"""What is done with the folders of a gate and a platform whose processes are not asked: copied, and read."""

import contextlib
import shutil
import sqlite3

GIVEN = "SELECT redemption FROM {} WHERE kind = 'granted'"


def copied(source, target):
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def given_in(database, table):
    with contextlib.closing(sqlite3.connect(database)) as conn:
        return {row[0] for row in conn.execute(GIVEN.format(table))}
