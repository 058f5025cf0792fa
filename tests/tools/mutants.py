"""Break one guarded line at a time in a copy of the tree and see the test that is named for it die within its time.

    .venv/bin/python tests/tools/mutants.py            all of them
    .venv/bin/python tests/tools/mutants.py nonce      those whose name has this word

Each line says what a user would lose, and is JSON: {"broken", "test", "died", "seconds", "unbroken_s"}. The exit
code is 1 where a test still passes, takes `WITHIN_S` longer than without the fault, or fails without it. A line that is
no longer there is told too: move the mutant along with the code.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 5.0  # what the same test needs without the fault is measured and taken off


@dataclass(frozen=True)
class Mutant:
    """One fault: `old` stands once in `path`, becomes `new`, and `test` must fail."""

    name: str
    path: str
    old: str
    new: str
    test: str


MUTANTS = (
    Mutant(
        "a commit returns before it is on disk",
        "storage/sqlite.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
        "tests/storage/test_sqlite.py::TestTheDisk::test_each_commit_is_synchronous",
    ),
    Mutant(
        "a burnt nonce is forgotten",
        "cache/ledger/writing.py",
        "NONCE_MS = 86_400_000",
        "NONCE_MS = 1",
        "tests/cache/test_ledger.py::TestReplay::test_a_code_that_was_used_stays_used_whoever_came_since",
    ),
    Mutant(
        "stopping leaves the opening in hand",
        "edge/terminal.py",
        "await finish(lanes)",
        "pass",
        "tests/processes/test_openings.py::test_stopping_finishes_the_opening_in_hand",
    ),
    Mutant(
        "signed facts stay for ever",
        "edge/housekeeping.py",
        "        (lambda conn: chain.retire(conn, signed_before_ms=now.utc_ms - RETAIN_MS, at_most=PIECE), PIECE),\n",
        "",
        "tests/edge/test_housekeeping.py::test_what_the_platform_signed_for_leaves_after_half_a_year_and_nothing_else_does",
    ),
    Mutant(
        "nobody keeps house",
        "edge/terminal.py",
        '            keep("tidy", lambda: tidy(store, parts.bounds, tidied.done), worked=lambda: tidied.n),\n',
        "",
        "tests/processes/test_flows.py::test_a_loan_that_fell_due_while_the_terminal_was_off_is_overdue_soon_after_the_start",
    ),
    Mutant(
        "an outage begins anew with a restart",
        "edge/beginning.py",
        "        self._parts.bounds.outage.remember((await self._parts.store.read(chain.cursor)).acked_at_ms)\n",
        "",
        "tests/ill/test_starting.py::test_an_outage_is_as_old_after_a_restart_as_before",
    ),
    Mutant(
        "an untrusted clock bars people from bringing back",
        "edge/lanes/codes/opener.py",
        "SKEW_S if trusted or not ending else UNJUDGED_S",
        "SKEW_S",
        "tests/edge/test_decider.py::TestClock::test_a_clock_that_is_not_believed_bars_nobody_from_bringing_back",
    ),
    Mutant(
        "a platform sets aside what it was not sent",
        "sync/push/line.py",
        "if not all(sent.first <= entry.seq <= sent.last for entry in answer.set_aside):",
        "if False:",
        "tests/sync/test_answers.py::TestWhatThePlatformMaySign"
        "::test_a_record_set_aside_that_was_not_sent_is_an_alarm_and_nothing_is_set_aside",
    ),
    Mutant(
        "a camera that hangs in its driver shuts the lane for good",
        "scanner/child/worker.py",
        "if now - self._newest.alive_at > self._patience_s:",
        "if False:",
        "tests/scanner/test_guards.py::test_a_camera_that_hangs_in_its_driver_does_not_shut_the_lane_for_good",
    ),
    Mutant(
        "a scanner may eat the terminal's memory",
        "scanner/camera/parent.py",
        "if isinstance(message, Stats) and message.rss_bytes > self._most_bytes:",
        "if False:",
        "tests/scanner/test_guards.py"
        "::test_a_scanner_that_eats_the_terminals_memory_is_ended_before_the_terminal_has_none",
    ),
    Mutant(
        "a bit that turned on the pipe is shown to the gate",
        "scanner/camera/pipe.py",
        "if zlib.crc32(payload) != checksum:",
        "if False:",
        "tests/scanner/test_guards.py::test_a_token_in_which_a_bit_turned_on_the_way_is_never_shown_to_the_gate",
    ),
)


def tree(to: Path) -> None:
    """Copy what git knows of this tree, as it lies here."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def interpreter(tree_: Path) -> None:
    """Make an interpreter whose packages are ours here, and whose modules of this project are the copy's.

    Terminals that a test starts run isolated (`python -I`): neither their folder nor PYTHONPATH would lead to the copy.
    """
    venv.create(tree_ / ".venv", symlinks=True, with_pip=False)
    [site] = (tree_ / ".venv" / "lib").glob("python3*/site-packages")
    (site / "tree.pth").write_text(f"{tree_}\n{sysconfig.get_path('purelib')}\n")


def run(tree_: Path, test: str) -> tuple[bool, float]:
    """Run one test in the copy; return whether it passed and how long it took, start-up included."""
    began = time.monotonic()
    command = [
        str(tree_ / ".venv/bin/python"),
        "-m",
        "pytest",
        "-q",
        "-x",
        "--no-header",
        "--no-cov",
        "-p",
        "no:cacheprovider",
        test,
    ]
    done = subprocess.run(command, cwd=tree_, check=False, capture_output=True, text=True)
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{test}: pytest could not run it\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0, time.monotonic() - began


def try_one(mutant: Mutant, tree_: Path) -> bool:
    """Break one line, run its test, mend it; say how it went and return whether the test died in time."""
    path = tree_ / mutant.path
    whole = path.read_text()
    if whole.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.path}: the line of “{mutant.name}” stands there {whole.count(mutant.old)} times")
    sound, start_s = run(tree_, mutant.test)
    path.write_text(whole.replace(mutant.old, mutant.new))
    try:
        passed, seconds = run(tree_, mutant.test)
    finally:
        path.write_text(whole)
    told = {"broken": mutant.name, "test": mutant.test, "died": sound and not passed}
    print(
        json.dumps({**told, "seconds": round(seconds, 1), "unbroken_s": round(start_s, 1)}, ensure_ascii=False),
        flush=True,
    )
    return sound and not passed and seconds <= WITHIN_S + start_s


def main(words: list[str]) -> int:
    """Try the mutants whose name has all the words; return the exit code."""
    chosen = [one for one in MUTANTS if all(word in one.name for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        tree(Path(folder))
        interpreter(Path(folder))
        return 0 if chosen and all(list(map(partial(try_one, tree_=Path(folder)), chosen))) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
