"""Journals taken in, counted, compared and reported. Refuses no fact; read `intake` first."""
