"""What the kiosk's unit runs, with a browser that only says what it was asked for."""

import json
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOKENS = {"display": "seen-by-all", "desk": "at-the-desk", "service": "for-the-technician"}


def flags_of_the_page():
    """Return the flags that docs/kiosk.md names."""
    rows = re.findall(r"^\| `(--[^`]+)` \|", (ROOT / "docs/kiosk.md").read_text("utf-8"), re.MULTILINE)
    return [flag for row in rows for flag in row.split()]


def started(folder, screen, port, **more):
    """Run systemd/kiosk-start.sh; return the arguments its browser got. The page it opens is folder/start.html."""
    (folder / "api-tokens").write_text(json.dumps(TOKENS), "utf-8")
    env = os.environ | {
        "XINGUAN_SCREEN": screen,
        "XINGUAN_TERMINAL": f"http://127.0.0.1:{port}",
        "XINGUAN_BROWSER": "echo",
        "CREDENTIALS_DIRECTORY": str(folder),
        "RUNTIME_DIRECTORY": str(folder),
    }
    script = ROOT / "systemd/kiosk-start.sh"
    return subprocess.check_output(["/bin/sh", script], env=env | more, text=True).split()
