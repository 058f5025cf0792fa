"""The lives that a terminal's name has had: its epochs, its starts, a twin, and its memory given back.

What was used is the books' affair; here it is asked only *who* wrote, and whether that was to be expected.
Read `epochs` first, then `twins`, then `memory`.
"""
