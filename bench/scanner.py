"""What the scanner reads and what that costs: the table of docs/scanner.md. The measuring is in _scanning.py.

A script's folder comes first on Python's path, where this file would hide the room `scanner`: so it steps aside first.

    python bench/scanner.py [--seed 1] [--each 1] [--streams 2] [--corpus FOLDER …] [--plot docs/scanner-budget.svg]
        [--foreign 1800] [--blocks 30000] [--json FILE]
"""

import sys

FOLDER = __file__.rpartition("/")[0] or "."
sys.path[:] = [entry for entry in sys.path if entry not in {FOLDER, ""}]

if __name__ == "__main__":
    import runpy

    runpy.run_path(f"{FOLDER}/_scanning.py", run_name="__main__")
