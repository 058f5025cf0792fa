"""Make the decision vectors: `python tests/vectors/decisions/make.py` (the result is committed, CI compares)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import contract_cases  # noqa: F401 - declares its cases
import edge_cases  # noqa: F401 - declares its cases
import money_cases  # noqa: F401 - declares its cases
import scene_cases  # noqa: F401 - declares its cases
from building import CASES, write

if __name__ == "__main__":
    write()
    print(f"{len(CASES)} cases")
