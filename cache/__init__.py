"""What this terminal remembers: trusted lists, ledger of redemptions, journal, in one SQLite file."""
