"""What was skipped is counted, a line a reason; with XINGUAN_NO_SKIPS set (as .ci/run does) any skip is a failure.

No property test fails for being slow on a busy machine: how fast something is, is measured in bench/.
"""

import importlib.util
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("xinguan", deadline=None)
settings.load_profile("xinguan")

_SPEC = importlib.util.spec_from_file_location("postgres_fixtures", Path(__file__).parent / "postgres_fixtures.py")
_POSTGRES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_POSTGRES)
pytest_collection_modifyitems = _POSTGRES.pytest_collection_modifyitems
postgres_tool = _POSTGRES.postgres_tool
postgres_server = _POSTGRES.postgres_server
postgres_url = _POSTGRES.postgres_url


def skipped(config):
    """Return how many tests were skipped for which reason."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    return Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    if os.environ.get("XINGUAN_NO_SKIPS") and exitstatus == pytest.ExitCode.OK and skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    reasons = skipped(config)
    for reason, number in sorted(reasons.items()):
        terminalreporter.write_line(f"跳过 skipped {number}: {reason}", yellow=True)
    if reasons and os.environ.get("XINGUAN_NO_SKIPS"):
        terminalreporter.write_line("XINGUAN_NO_SKIPS is set: a skipped test is a failure", red=True)
