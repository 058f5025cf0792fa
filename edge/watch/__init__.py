"""What keeps watch: the owners of the safety bounds (network, store, disk), and what tells how the terminal is.

No module here both owns a bound and tells of it, and none decides about a visitor. Nothing of `edge.lanes` or
`edge.api` may come in. Read `bounds` first, then `patrol` (who finds out) and `readings` (who tells).
"""
