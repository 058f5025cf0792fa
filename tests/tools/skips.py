"""What was skipped is counted, a line a reason; with XINGUAN_NO_SKIPS set (as .ci/run does) any skip is a failure."""

import os
from collections import Counter

import pytest


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
