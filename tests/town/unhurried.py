"""The program as it is, with more patience: what gates and hub say of each other is looked at, not how fast they are.

A gate gives its hub 150 ms and a visitor 0.8 s. On a machine with too much to do both are over before anybody has had a
turn, and then a gate rightly goes on alone: a test about two gates and their hub would prove nothing, or fail. The
budgets themselves are held by tests in one process (tests/edge/test_asking.py, test_decider.py).

    python -I tests/town/unhurried.py edge.cli run --config …
"""

import importlib
import runpy
import sys

ANSWER_S = 20.0
BUDGETS = (
    ("sync.beyond.asking", "BUDGET_S", 10.0),
    ("sync.beyond.authority", "BUDGET_S", 10.0),
    ("edge.lanes.decider", "ASK_S", 11.0),
    ("central.site.counting", "BUDGET_S", 10.0),
    ("central.site.upward", "WIDE_S", 5.0),
    ("central.http.claim_calls", "BUDGET_S", 5.0),
)


def run(command):
    """Run a module with its arguments, patiently."""
    for module, name, patience_s in BUDGETS:
        found = importlib.import_module(module)
        if not hasattr(found, name):
            raise SystemExit(f"{module} has no {name}: mend tests/town/unhurried.py")
        setattr(found, name, patience_s)
    rules = importlib.import_module("edge.settings.rules")
    least, _most, unit = rules.LIMITS["answer_s"]
    rules.LIMITS["answer_s"] = (least, ANSWER_S, unit)
    sys.argv = command
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run(sys.argv[1:])
