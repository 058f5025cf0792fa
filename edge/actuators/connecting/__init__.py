"""Connections to what opens gates, made a moment ahead (`near`), and what their answers say (`saying`)."""
