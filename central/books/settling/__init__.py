"""What redemptions are worth in the end: subsidy, deposits, pay-later, refunds, damage, for whoever settles.

`accounts` is pure and says what one redemption is worth after its facts; read it first. No page and no file format of
anybody else comes in here.
"""
