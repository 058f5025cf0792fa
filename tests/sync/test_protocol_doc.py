import importlib.util
import os
import re
from pathlib import Path

import pytest

DOC = Path(__file__).parents[2] / "docs" / "protocol.md"
EXAMPLE = re.compile(r"<!-- example: (?P<name>[a-z-]+) -->\n```(?P<kind>[a-z]*)\n(?P<text>.*?)\n```", re.DOTALL)


@pytest.fixture
async def said(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("protocol_talk", Path(__file__).with_name("protocol_talk.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return await module.talk(tmp_path, monkeypatch)


def test_every_example_in_the_document_is_what_really_went_over_the_wire(said):
    text = DOC.read_text("utf-8")
    if os.environ.get("XINGUAN_WRITE_DOCS"):
        written = EXAMPLE.sub(lambda m: f"<!-- example: {m['name']} -->\n```{m['kind']}\n{said[m['name']]}\n```", text)
        DOC.write_text(written, "utf-8")
        text = written

    examples = {match["name"]: match["text"] for match in EXAMPLE.finditer(text)}

    assert examples
    assert examples == {name: said[name] for name in examples}
    claims = text.split("## Claims:")[1].split("## Re-ask")[0]  # these are held by tests/edge/test_documented_blocks.py
    assert text.count("```") == 2 * len(examples) + claims.count("```")


def test_the_document_shows_every_message(said):
    shown = {match["name"] for match in EXAMPLE.finditer(DOC.read_text("utf-8"))}

    assert {"enrol-body", "enrol-answer", "time-answer", "ordered-answer", "journal-body", "journal-answer"} <= shown
    assert {"qr", "token", "seal", "receipt", "order", "clock-problem", "gap-problem"} <= shown
