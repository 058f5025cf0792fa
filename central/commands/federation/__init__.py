"""The alliance: cities taken in and expelled; keys of cities, root and platform. Read docs/federation.md first."""
