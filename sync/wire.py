"""The messages between terminal and platform (docs/protocol.md). No I/O."""
