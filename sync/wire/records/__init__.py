"""What a record says, kind by kind: docs/records.md and docs/records.schema.json are made from these types.

Nothing here writes or reads a journal. A terminal's facts are made in `cache.ledger`; tests play every decision vector
and real terminals, and hold each record that comes of it against these types. Read `kinds` first, then `visits`.
"""
