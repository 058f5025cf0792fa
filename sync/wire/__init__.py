"""The messages between terminal and platform, and how they are signed. No I/O; read `messages` first."""
