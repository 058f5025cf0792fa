"""Decoding: a frame in, texts out. No I/O and no clock of its own; read `cascade` first."""
