"""A terminal's memory over the wire: the newest receipt in a file, and own facts back from the platform.

Decisions never wait for anything here. Read `rebuilder` first; what a loss is, and what comes of facts that come back,
is `cache.memory`'s.
"""
