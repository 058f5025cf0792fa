"""The screens' files: nothing from elsewhere, nothing inline, and colours that can be read."""

import re
from importlib.resources import files

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from edge.screens.pages import KINDS, PAGES, screen_routes

HERE = files("edge.screens")
CSS = HERE.joinpath("static/base.css").read_text()
PAIRS = [
    ("on-grant", "grant"),
    ("on-standard", "standard"),
    ("on-refer", "refer"),
    ("on-refuse", "refuse"),
    ("ink", "paper"),
    ("ink", "card"),
    ("faint", "paper"),
    ("faint", "card"),
    ("on-jade", "jade"),
    ("jade", "card"),
    ("on-dead", "dead"),
    ("on-strip", "strip"),
    ("grant", "card"),
    ("standard", "card"),
    ("refuse", "card"),
]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_every_pair_of_colours_reaches_aa(front, back):
    colours = dict(re.findall(r"--([a-z-]+):\s*#([0-9a-f]{6})", CSS))

    light, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)

    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_only_our_own_files_and_runs_nothing_inline(page):
    text = HERE.joinpath(f"{page}.html").read_text()

    assert all(link.startswith("static/") for link in re.findall(r'(?:src|href)="([^"]+)"', text))
    assert not re.search(r"\son[a-z]+=", text)
    assert not re.search(r"<script(?![^>]*src=)", text)


def test_every_word_that_a_page_asks_for_exists():
    words = set(re.findall(r"^  (\w+): \[", HERE.joinpath("static/words.js").read_text(), re.MULTILINE))
    asked = set()
    for page in PAGES:
        asked |= set(
            re.findall(r'data-(?:say|also|say-placeholder)="(\w+)"', HERE.joinpath(f"{page}.html").read_text())
        )
    for script in HERE.joinpath("static").iterdir():
        if script.name.endswith(".js"):
            asked |= set(re.findall(r'\b(?:say|also)\("(\w+)"\)', script.read_text()))

    assert asked <= words


async def test_pages_and_files_are_served_with_a_policy_and_nothing_else_is():
    app = web.Application()
    app.add_routes(screen_routes())

    async with TestClient(TestServer(app)) as client:
        for name in (*PAGES, "static/gate.js"):
            answer = await client.get(f"/{name}")
            assert answer.status == 200
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.content_type in KINDS.values()
        assert (await client.get("/static/../pages.py")).status == 404
        assert (await client.get("/static/%2e%2e%2fpages.py")).status == 404
