"""The alliance: cities taken in and expelled, the keys of cities and of the root. Read docs/federation.md first."""
