"""How a terminal learns who it is, and keeps that. Read `enrolling` first."""
