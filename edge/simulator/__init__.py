"""The simulator: policy cases played on the real engine and the real ledger (decision.md, "The case file")."""
