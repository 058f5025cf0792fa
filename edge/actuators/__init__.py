"""What a lane moves: gates, relays, printers, lights. Nothing here decides or knows a token; read `gate` first."""
