"""What a store promises to whoever hands it a job. Written before it was coded; one test class holds each engine to it.

The contract:

1. A *job* is a function of the transaction it is given. It is one whole transaction: all of it happens, or none of it.
2. Jobs change nothing but the database, and may run twice: a full disk takes a whole group of them back, another
   process may win a race for the same rows. Nothing in a job waits for a network, a lock or a person.
3. `write` returns only when the job is on disk, as the engine is told to mean it (SQLite: COMMIT returned with
   `synchronous=FULL`; PostgreSQL: COMMIT returned, and the synchronous standbys that are named have it).
4. A job that raises undoes only itself, whoever was committed together with it.
5. A cancelled caller does not cancel its job. The job's effects stand; only the answer has nobody to go to.
6. `write(job, before=deadline)`: a job that has not begun by the deadline (seconds of `time.monotonic()`, as
   `loop.time()`) is withdrawn, and its caller gets `JobWithdrawnError` there and then: it never runs. Withdrawing and
   beginning exclude each other. A job that has begun is waited for, also beyond its deadline: whoever cannot wait
   keeps the task (`asyncio.wait({task}, timeout=…)`) and undoes what it did in a next job.
7. `read` sees one consistent state of what is committed, and cannot change it. Reading never waits for a writer.
8. What the database itself refuses reaches the caller as `StoreFailedError`; any other exception of a job as itself.
9. What no job may raise (SystemExit, KeyboardInterrupt, an error of the store's own) ends the process at once: a dead
   writer would leave every later caller waiting for ever.
"""


class StoreFailedError(Exception):
    """The store could not do what it was asked (full, corrupt, read-only, closed, away). Nothing was written."""


class JobWithdrawnError(StoreFailedError):
    """The job had not begun by its deadline. It never ran and never will."""
