"""Counting what stands under the keys of a ledger. Reads only; what may never come in: a decision, a write."""
