"""What a terminal does when it cannot know what it gave: notices it, and takes its own facts back from the platform.

Nothing of a visitor's decision may come in. Read `lives` first (how a loss is noticed, and how the journal goes on),
then `absorbing` (facts that come back), then `checking` (whether journal, receipts and ledger say the same).
"""
