"""What other gates of the site gave and ended, as it meets this terminal's own ledger. Read `ended` first."""
