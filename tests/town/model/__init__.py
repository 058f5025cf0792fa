"""The rules of claims.md as switches of a small explicit-state model: every story of a small town is played.

`exploring` visits all states; `claims` is two gates before one authority, `wide` a hub before the platform, `leases` a
quota that two gates share. Each moves by the tables and the arithmetic of the code itself: `pledges.MOVES`,
`claims.KNOWN`, `claims.Room`, `counts.back_of`, `tallies.takes_again`, `conflicts.most_at_once`, `leases.taken_in`,
`leases.grown`. Read `claims` first.
"""
