"""Signed lists in force on this terminal, kept over power cuts. Verifies no signature; read `store` first."""
