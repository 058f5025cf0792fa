"""Frames to texts. Pure: no I/O, no clock."""
