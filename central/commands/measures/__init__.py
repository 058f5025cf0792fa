"""Commands about measures and revocations: each is recorded and published at once."""
