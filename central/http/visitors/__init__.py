"""Calls about one visitor: a short code typed for them, the page of a notice. Nothing here decides; read `shorts`."""
