"""The journal's way out. Decides nothing about a visitor; read `pusher` first."""
