"""A code at a lane, before it is decided about: whose turn it is, and the token it opens to. No store, no network."""
