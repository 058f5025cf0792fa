"""From terminal.toml to a configuration, or to everything that is wrong with it. Read `reading` first.

`walking` knows types, `rules` what they cannot hold, `around` this machine, `enrolled` the signed profile. The tables
themselves stand in `edge.config`. Nothing here opens a device or asks the network.
"""
