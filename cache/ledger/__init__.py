"""Redemptions: check and write in one transaction, and what happens to them later. No network; read `settle` first."""
