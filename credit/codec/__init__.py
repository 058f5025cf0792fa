"""Bytes and signature algorithms: CBOR, Base45, a table of algorithms. Knows no claim; read `cbor` first."""
