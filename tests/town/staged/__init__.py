"""Decision vectors of two terminals on a stage of real processes: platform, hub, gates, and a clock that a test sets.

`world` is what each process runs in, `stage` the site with its wires, `casting` a vector in the town's names,
`playing` its steps one after the other.
"""
