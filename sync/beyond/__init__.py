"""Asking whoever counts beyond this terminal, before it gives: hub or platform. Read `rounds` first, then `asking`."""
