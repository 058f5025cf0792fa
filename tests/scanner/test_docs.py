import io
from pathlib import Path

import segno

from scanner.handheld.layouts import LAYOUT_TEST
from scanner.reading.cascade import STEPS
from scanner.spec import OPTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "scanner.md").read_text("utf-8")


def test_every_step_and_every_option_is_in_the_documentation():
    missing = [name for name in (*(step.name for step in STEPS), *OPTIONS) if name not in PAGE]

    assert missing == []


def test_the_layout_test_code_to_scan_is_the_one_that_is_judged():
    drawn = io.BytesIO()
    segno.make(LAYOUT_TEST, error="m", micro=False).save(drawn, kind="svg", scale=8, border=4, light="#fff")

    assert (Path(__file__).parents[2] / "docs" / "layout-test.svg").read_bytes() == drawn.getvalue()
