"""Copies of a terminal's database: made while it runs, and what is said when one has to do. Read `backup` first."""
