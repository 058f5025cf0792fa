"""What a token says and what it earns. Pure: no I/O, no clock, no randomness, no logging."""
