"""Slips on paper: what stands on one, how a receipt printer is told, and whether it has paper. Read `slips` first."""
