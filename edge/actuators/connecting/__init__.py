"""Connections to what opens gates, made a moment ahead. Asks for nothing; read `near`."""
