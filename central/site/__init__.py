"""The hub of a site as a process: counts for its gates, sends their facts on, serves lists. Read `serving` first."""
