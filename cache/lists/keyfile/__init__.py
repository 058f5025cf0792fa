"""Lists of many entries as one sorted key file and what changed since. Knows no signature; read `view` first."""
