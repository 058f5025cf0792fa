"""The closing run of the simulation: many seeds, begun again where the last run stopped, and what each fault took.

A run is kept in a file beside, under the digest of everything that it plays: with another form of the rules it begins
anew, and what an earlier form has passed stays named. Stop it whenever you like.

Each seed is played in four towns: claims at one authority (`simulation`), leased capacities (`leases_played`), a site
with its hub before the platform (`wide_played`), and conflicts that are told and taken back (`told_played`).

    python tests/town/seeds.py --until 20000          seeds that were not played yet
    python tests/town/seeds.py --faults               how many seeds each planted fault takes to be found
    python tests/town/seeds.py --replay 4711 [--town wide_played] [--plant "no release upwards"]
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.town import leases_played, simulation, told_played, wide_played  # noqa: E402 - found from here, whoever runs this file

PLAYED = (
    *("tests/town/simulation.py", "tests/town/leases_played.py", "tests/town/wide_played.py"),
    *("tests/town/told_played.py", "sync/push/receiving.py"),
    *("central/hub/*.py", "central/books/**/*.py", "central/site/*.py", "central/schema/sqlite/*.sql"),
    "sync/beyond/*.py",
)
TOWNS = {one.__name__.rpartition(".")[2]: one for one in (simulation, leases_played, wide_played, told_played)}
WITHIN = 20_000
NOTED_EACH = 100


def play(seed):
    """Play a seed in every town; raise BrokenError with its story."""
    for town in TOWNS.values():
        town.play(seed)


def form(root=ROOT):
    """Return the digest of what is played."""
    paths = sorted(path for pattern in PLAYED for path in root.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


class Kept:
    """How far each form of the rules was played; written down each NOTED_EACH seeds."""

    def __init__(self, path):
        self._path = path
        self.through = json.loads(path.read_text()) if path.exists() else {}

    def note(self, name, seeds):
        self.through[name] = seeds
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(self.through, indent=1) + "\n")
        fresh.replace(self._path)


def closing_run(play, kept, name, until, say=print):
    """Play the seeds that `name` has not played yet, up to `until`; return how many it has passed now."""
    first, began = kept.through.get(name, 0), time.monotonic()
    for seed in range(first, until):
        play(seed)  # a broken one ends the run with its story; the next run begins with it
        if (seed + 1) % NOTED_EACH == 0 or seed + 1 == until:
            kept.note(name, seed + 1)
    say(f"form {name}: seeds 0 to {max(first, until)} hold ({max(0, until - first)} of them now, in {_took(began)})")
    return max(first, until)


def faults(say=print):
    """Print how many seeds each planted fault takes, as it is found; return those that are not."""
    missed = []
    for town in TOWNS.values():
        for fault in sorted(town.FAULTS):
            seeds = next((seed + 1 for seed in range(WITHIN) if town.breaks(seed, fault)), None)
            say(f"{seeds or f'not within {WITHIN}':>6}  {fault}", flush=True)
            missed += [fault] if seeds is None else []
    return missed


def _took(began):
    return f"{time.monotonic() - began:.0f} s"


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--until", type=int, default=0)
    asked.add_argument("--kept", type=Path, default=ROOT / "build" / "seeds.json")
    asked.add_argument("--faults", action="store_true")
    asked.add_argument("--replay", type=int)
    asked.add_argument("--town", choices=TOWNS, default="simulation")
    asked.add_argument("--plant", default="")
    args = asked.parse_args()
    if args.replay is not None:
        print("\n".join(TOWNS[args.town].play(args.replay, args.plant).story))
    if args.until:
        args.kept.parent.mkdir(parents=True, exist_ok=True)
        closing_run(play, Kept(args.kept), form(), args.until)
    return 1 if args.faults and faults() else 0


if __name__ == "__main__":
    sys.exit(main())
