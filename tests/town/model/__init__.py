"""The rules of claims.md as switches of small explicit-state models: every story of a small town is played.

`exploring` visits all states; `claims` is two gates before one authority, `leases` two gates that share a quota, `wide`
a hub before the platform. They move by the tables and the arithmetic of the code itself: `pledges.MOVES`,
`claims.KNOWN`, `claims.Room`, `counts.back_of`, `tallies.takes_again`, `conflicts.most_at_once`, `leases.taken_in`,
`leases.grown`, `counting.is_wide`.
"""
