"""How long a ledger keeps what it counted from. What may never come in: a decision."""
