"""Databases on a server of their own: how one is brought up to this program's schema."""
