"""At a gate Python looks for cycles seldom: nobody waits while it walks through all that stays."""

import gc
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.terminal import Terminal
from storage.collector import FRESH
from sync.enrol.identity import NotEnrolledError


class Watched(type(Path())):
    """A folder that tells how often Python looked for cycles when something in it was asked for."""

    thresholds = ()

    def __truediv__(self, name):
        self.thresholds = (*self.thresholds, gc.get_threshold()[0])
        return Path(self) / name


async def test_a_terminal_serves_with_a_collector_that_looks_seldom_and_leaves_it_as_it_was(tmp_path):
    before = gc.get_threshold()
    folder = Watched(tmp_path)
    config = SimpleNamespace(data=folder, platform=SimpleNamespace(url="https://platform.example"))
    try:
        gc.set_threshold(700, 10, 10)
        with pytest.raises(NotEnrolledError):
            await Terminal(config).serve()

        assert gc.get_threshold() == (700, 10, 10)
        assert folder.thresholds[-1] == FRESH
    finally:
        gc.set_threshold(*before)
