"""What opening a token costs beyond the signatures in it; the cases are in _opening.py.

A script's folder comes first on Python's path, and the standard library has a module of this file's name. So this
file keeps out of the way: run as a script it takes its folder off the path first; found by the standard library in
place of its own module, because another benchmark runs from here, it hands that one over.
"""

import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib may not be there yet
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != FOLDER]  # noqa: PTH100 - the same

if __name__ == "__main__":
    import runpy

    runpy.run_path(f"{FOLDER}/_opening.py", run_name="__main__")
else:
    del sys.modules[__name__]
    __import__(__name__)
