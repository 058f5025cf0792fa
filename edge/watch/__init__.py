"""Watching network, store, clock and disk, and telling it: readiness, metrics, logs. Read `about` first."""
