from pathlib import Path

from scanner.cascade import STEPS
from scanner.spec import OPTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "scanner.md").read_text("utf-8")


def test_every_step_and_every_option_is_in_the_documentation():
    missing = [name for name in (*(step.name for step in STEPS), *OPTIONS) if name not in PAGE]

    assert missing == []
