"""The journal's way out and the platform's word back. Decides nothing about a visitor; read `pusher` first."""
