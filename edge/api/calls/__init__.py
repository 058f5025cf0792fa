"""Calls of the local API that a shop and its people make: own offers, staff. Decides nothing; read `offers` first."""
