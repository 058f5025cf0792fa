"""How batches arrive: what they hang on to, how their facts are stored, and what is heard of them beside the books.

Read `central.books.intake` first, which calls all of it. Nothing here books a use or a total.
"""
