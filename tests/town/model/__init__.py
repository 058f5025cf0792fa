"""The rules of claims.md as switches of a small explicit-state model: every story of a small town is played.

`exploring` visits all states; `claims` is two gates before one authority. It moves by the tables and the arithmetic of
the code itself: `pledges.MOVES`, `claims.KNOWN`, `claims.Room`, `counts.back_of`, `tallies.takes_again`,
`conflicts.most_at_once`. A hub before the platform, and quotas that gates share, are played by the simulation alone.
"""
